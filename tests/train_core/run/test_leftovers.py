"""Half-written files of a killed process go once its run goes on, and nobody else's."""

from __future__ import annotations

from pathlib import Path

from tensorboard.summary.writer.event_file_writer import EventFileWriter

from train_core.config.whole_files import remove_leftovers_like, write_whole
from train_core.facts.run.result_names import sample_file, sample_files
from train_core.run.outputs.curves import forget_later
from train_core.run.outputs.manifest import MANIFEST, Manifest
from train_core.sampling.png import epoch_mark, step_mark


def left_half_written(path: Path) -> Path:
    """The temporary file for `path` as a process leaves it that is killed while it writes."""
    with write_whole(path) as temporary:
        temporary.touch()
    path.unlink()
    temporary.write_bytes(b"half")
    return temporary


def test_a_resumed_run_clears_up_after_itself_and_not_what_another_run_is_writing(tmp_path: Path) -> None:
    out, run_dir = tmp_path / "out", tmp_path / "run"
    Manifest(run_dir).claim(out / "zuko-step00000020-state", "step state", 20, 1)
    ours = [left_half_written(out / "zuko-step00000020-state"), left_half_written(run_dir / "manifest.json.old")]
    ours[1] = ours[1].rename(run_dir / ours[1].name.replace(".old", ""))
    with write_whole(out / "zuko-2-step00000020-state") as temporary:
        temporary.write_text("of a run named zuko-2, which goes on")
        Manifest(run_dir).sweep()
    assert not any(path.exists() for path in ours)
    assert (out / "zuko-2-step00000020-state").is_file()
    assert (run_dir / MANIFEST).is_file()


def test_a_resumed_run_does_not_take_for_its_own_what_it_had_removed(tmp_path: Path) -> None:
    removed, kept = tmp_path / "zuko-step00000010-state", tmp_path / "zuko-step00000020-state"
    kept.mkdir()
    listed = [[str(path), "step state", step, 1] for path, step in ((removed, 10), (kept, 20))]
    manifest = Manifest(tmp_path / "run", listed, resumed_at=20)
    manifest.sweep()
    removed.mkdir()  # somebody else's
    manifest.keep_newest("step state", 5, 30)
    assert (removed.exists(), kept.exists()) == (True, False)
    assert manifest.fields() == []


def test_a_new_run_of_the_name_clears_up_what_it_writes_itself(tmp_path: Path) -> None:
    left = left_half_written(tmp_path / "out" / "zuko-step00000010-state")
    Manifest(tmp_path / "run").claim(tmp_path / "out" / "zuko-step00000010-state", "step state", 10, 1)
    assert not left.exists()


def test_pictures_left_half_drawn_go_and_those_of_other_names_stay(tmp_path: Path) -> None:
    def picture(name: str, mark: str, index: int = 0, copy: int = 1) -> Path:
        return tmp_path / sample_file(name, mark, index, "20260101000000", 7, copy)

    step = step_mark(500)
    ours = [picture("zuko", epoch_mark(3)), picture("zuko", step, 11), picture("zuko", step, copy=2)]
    others = [picture("zuko-2", epoch_mark(3)), picture("zuko_000500", step), tmp_path / "zuko.png"]
    whole = picture("zuko", epoch_mark(2))
    left = {path: left_half_written(path) for path in (*ours, *others)}
    whole.write_bytes(b"whole")
    remove_leftovers_like(tmp_path, sample_files("zuko"))
    assert [path for path in left if left[path].exists()] == others
    assert whole.exists()
    remove_leftovers_like(tmp_path / "gone", sample_files("zuko"))


def test_curves_that_were_being_cut_back_are_not_read_twice(tmp_path: Path) -> None:
    EventFileWriter(str(tmp_path)).close()
    (events,) = tmp_path.iterdir()
    whole = events.read_bytes()
    left = left_half_written(events)
    events.write_bytes(whole)
    forget_later(tmp_path, 0, 0)
    assert list(tmp_path.iterdir()) == [events]
    assert not left.exists()

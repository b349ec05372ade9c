"""What the list says of a run is what its events say, however they came, and costs no second reading."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kohya_gui.runs.history.summary import summary_of
from tests.kohya_gui.runs.history.conftest import Line, MakeRun, line_of, progress
from train_core.events.kinds import Progress
from train_core.events.reading import read_events

NAME = "20260101-000000-a"


def sample(step: int, time: float) -> Line:
    path = f"sample/a_{step}.png"
    return "sample", time, {"path": path, "prompt": "p", "index": 0, "step": step, "epoch": 1, "seed": 1}


def append(folder: Path, *lines: Line, torn: str = "") -> None:
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(line_of(*line) for line in lines) + torn)


def test_time_at_work_leaves_out_the_night_between_two_processes(make_run: MakeRun) -> None:
    folder = make_run(NAME, [
        ("stage", 1000.0, {"name": "checking", "pid": 1, "born": "a"}),
        ("started", 1010.0, {"job": "train", "total_steps": 100, "epochs": 2, "pid": 1, "born": "a"}),
        progress(1, 1020.0, 0.5), progress(50, 1100.0, 0.4, 0.45),
        ("stage", 9000.0, {"name": "checking", "pid": 2, "born": "b"}),
        progress(51, 9030.0, 0.3, 0.35),
    ])  # fmt: skip
    (folder / "events.jsonl").write_text(
        (folder / "events.jsonl").read_text("utf-8").rpartition('{"kind": "finished"')[0], "utf-8"
    )
    found = summary_of(folder)
    assert (found.seconds, found.loss, found.job, found.epochs) == (130.0, 0.35, "train", 2)


def test_pictures_that_a_resumed_run_draws_again_are_forgotten(make_run: MakeRun) -> None:
    folder = make_run(NAME, [sample(10, 1.0), sample(20, 2.0)])
    assert summary_of(folder).thumbnail == folder / "sample" / "a_20.png"
    append(folder, ("resumed", 3.0, {"step": 10, "epoch": 1, "path": "x"}))
    assert summary_of(folder).thumbnail == folder / "sample" / "a_10.png"


def test_a_torn_line_waits_until_it_is_whole(make_run: MakeRun) -> None:
    folder = make_run(NAME, [progress(1, 1.0, 0.5)])
    line = line_of(*progress(2, 2.0, 0.25))
    append(folder, torn=line[:30])
    assert summary_of(folder).loss == 0.5
    append(folder, torn=line[30:])
    assert summary_of(folder).loss == 0.25


def test_only_what_was_appended_is_read(make_run: MakeRun) -> None:
    folder = make_run(NAME, [progress(1, 1.0, 0.5), ("validation", 1.0, {"step": 1, "epoch": 1, "loss": 0.75})])
    assert summary_of(folder).validation == 0.75
    path = folder / "events.jsonl"
    size = path.stat().st_size
    path.write_bytes(b" " * (size - 1) + b"\n")
    append(folder, progress(2, 2.0, 0.25))
    found = summary_of(folder)
    assert (found.loss, found.validation) == (0.25, 0.75)  # the latter stands only in what was read before


def test_an_untouched_file_is_not_opened_again(make_run: MakeRun) -> None:
    folder = make_run(NAME, [progress(1, 1.0, 0.5)])
    before = summary_of(folder)
    path = folder / "events.jsonl"
    state = path.stat()
    path.write_text(path.read_text("utf-8").replace("0.5", "0.7"), "utf-8")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert summary_of(folder) is before


def test_a_file_that_was_replaced_by_a_shorter_one_is_read_anew(make_run: MakeRun) -> None:
    folder = make_run(NAME, [progress(1, 1.0, 0.5), sample(1, 2.0)])
    assert summary_of(folder).samples
    (folder / "events.jsonl").write_text(line_of(*progress(1, 1.0, 0.125)), "utf-8")
    assert (summary_of(folder).loss, summary_of(folder).samples) == (0.125, ())


def test_a_run_without_events_has_nothing_to_say(make_run: MakeRun) -> None:
    folder = make_run(NAME)
    (folder / "events.jsonl").unlink()
    assert summary_of(folder).loss is None


@given(st.lists(st.one_of(
    st.builds(lambda step, loss: line_of(*progress(step, float(step), loss)).encode(), st.integers(0, 99),
              st.floats(0, 9)),
    st.builds(lambda step: line_of(*sample(step, float(step))).encode(), st.integers(0, 99)),
    st.binary(max_size=30).map(lambda junk: junk + b"\n"),
), max_size=12), st.data())  # fmt: skip
def test_the_last_loss_is_found_wherever_reading_was_interrupted(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "events.jsonl"
        path.write_bytes(whole[:cut])
        summary_of(Path(name))
        path.write_bytes(whole)
        losses = [e.loss for e in read_events(path) if isinstance(e, Progress) and e.loss is not None]
        assert summary_of(Path(name)).loss == (losses[-1] if losses else None)

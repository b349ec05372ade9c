"""The table of epochs, the files that may be downloaded, and the archive of them."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kohya_gui.runs.details.archive import zip_stream
from kohya_gui.runs.details.epochs import csv_of, rows_of
from kohya_gui.runs.details.files import archive_of, files_of, find_file
from kohya_gui.runs.details.pictures import sheet_of, training_pictures
from kohya_gui.runs.details.record import record_of, sample_named
from kohya_gui.runs.details.sending import results_of
from kohya_gui.runs.history.deleting import delete
from kohya_gui.views.opened_html import files_html
from tests.event_lines import EventLog
from tests.odd_events import any_line
from train_core.facts.run.folder_results import write_notes

Trained = Callable[..., Path]


def test_each_epoch_has_its_loss_rate_file_and_pictures(trained: Trained) -> None:
    folder = trained()
    rows = rows_of(record_of(folder), files_of(folder))
    assert [(row.epoch, row.step, row.loss, row.validation) for row in rows] == [
        (1, 10, 0.5, 0.25), (2, 20, 0.25, 0.125), (3, 30, 0.5 / 3, 0.25 / 3)
    ]
    assert [[(file.name, file.bytes) for file in row.files] for row in rows] == [
        [(f"fox-{epoch:06d}.safetensors", 100 * epoch)] for epoch in (1, 2, 3)
    ]
    assert [len(row.samples) for row in rows] == [2, 2, 2]
    assert rows[1].rates == {"unet": 5e-5}


def test_what_a_resumed_run_does_again_stands_in_the_table_once(trained: Trained) -> None:
    folder = trained(status="paused")
    assert len(record_of(folder).progress) == 30
    log = EventLog(folder / "events.jsonl")
    log.write("resumed", step=15, epoch=1, path="state")
    log.write("progress", step=16, total_steps=30, epoch=2, epochs=3, loss=0.9, average=0.9, lr={}, speed=1, eta=1)
    log.close()
    record = record_of(folder)
    assert [one.step for one in record.progress] == [*range(1, 16), 16]
    # the files are still there, by the run's list
    rows = rows_of(record, files_of(folder, record))
    assert [(row.step, len(row.files), row.validation is None) for row in rows] == [
        (10, 1, False), (16, 0, True), (20, 1, True), (30, 1, True)
    ]


def test_a_step_between_two_epochs_has_a_row_of_its_own(trained: Trained, tmp_path: Path) -> None:
    folder = trained()
    between = tmp_path / "out" / "fox-step00000015.safetensors"
    between.write_bytes(b"x")
    listed = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps([*listed, [str(between), "step", 15, 1]]))
    rows = rows_of(record_of(folder), files_of(folder))
    assert [row.step for row in rows] == [10, 15, 20, 30]
    assert rows[1].epoch == 2
    assert rows[1].loss == 0.25


def test_the_csv_is_read_back_with_every_file_and_no_formula(trained: Trained) -> None:
    folder = trained("20260101-000000-=1+1, 'x'")
    read = list(csv.DictReader(io.StringIO(csv_of(rows_of(record_of(folder), files_of(folder))))))
    assert [(row["epoch"], row["step"], row["mean_loss"]) for row in read] == [
        ("1", "10", "0.5"), ("2", "20", "0.25"), ("3", "30", "0.166667")
    ]
    assert read[0]["file"] == "'=1+1, 'x'-000001.safetensors"
    assert all(not value.startswith("=") for row in read for value in row.values())


def test_only_what_the_run_has_written_is_one_of_its_files(trained: Trained, tmp_path: Path) -> None:
    folder = trained()
    out = tmp_path / "out"
    (out / "somebody.safetensors").write_bytes(b"x")
    assert find_file(folder, "fox-000002.safetensors").path == out / "fox-000002.safetensors"
    others = ("somebody.safetensors", "config.toml", "", "..", "../out/fox-000002.safetensors", "\x00", "manifest.json")
    for name in others:
        assert find_file(folder, name) is None


def test_a_file_that_has_gone_or_became_a_link_is_none_any_more(trained: Trained, tmp_path: Path) -> None:
    folder, out = trained(), tmp_path / "out"
    (out / "secret").write_text("geheim")
    (out / "fox-000001.safetensors").unlink()
    (out / "fox-000002.safetensors").unlink()
    (out / "fox-000002.safetensors").symlink_to(out / "secret")
    assert [file.name for file in files_of(folder)] == ["fox-000003.safetensors"]
    assert "secret" not in b"".join(zip_stream(archive_of(folder, True))).decode("latin-1")


def test_two_files_of_one_name_are_both_there(trained: Trained, tmp_path: Path) -> None:
    folder = trained()
    rescued = folder / "fox-000003.safetensors"  # as when the output folder is full
    rescued.write_bytes(b"rescued")
    listed = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps([*listed, [str(rescued), "final", 30, 3]]))
    assert find_file(folder, "fox-000003.safetensors").path == tmp_path / "out" / rescued.name
    assert find_file(folder, "2-fox-000003.safetensors").path == rescued


def test_the_archive_holds_results_pictures_and_settings_and_states_if_wanted(
    trained: Trained, tmp_path: Path
) -> None:
    folder = trained()
    state = tmp_path / "out" / "fox-000003-state"
    state.mkdir()
    (state / "state.json").write_text("{}")
    listed = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps([*listed, [str(state), "epoch state", 30, 3]]))
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_stream(archive_of(folder, False))))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert archive.read("fox-000002.safetensors") == b"\x02" * 200
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    assert len([name for name in names if name.startswith("sample/")]) == 6
    assert {"run/config.toml", "run/console.log", "run/events.jsonl"} <= set(names)
    assert not [name for name in names if "state" in name]
    assert "fox-000003-state/state.json" in archive_of(folder, True)


def test_a_result_that_is_a_folder_is_one_of_the_files_with_what_it_has_written(
    trained: Trained, tmp_path: Path
) -> None:
    folder, result = trained(), tmp_path / "out" / "fox"
    (result / "unet").mkdir(parents=True)
    (result / "unet" / "weights.safetensors").write_bytes(b"weights")
    write_notes(result, {"ss_steps": "30"})
    (result / "mine.txt").write_text("the user's")
    listed = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps([*listed, [str(result), "final", 30, 3]]))
    found = find_file(folder, "fox")
    assert found.is_result
    assert found.bytes == len(b"weights") + (result / "crucible.json").stat().st_size
    assert {"fox/unet/weights.safetensors", "fox/crucible.json"} <= archive_of(folder, False).keys()
    assert "fox/mine.txt" not in archive_of(folder, False)
    assert "fox" in str(files_html(folder.name, rows_of(record_of(folder), files_of(folder)), "/x/", False, "en"))
    assert "fox" not in [one.name for one in results_of(folder)]
    delete(folder.name, with_files=True)
    assert [path.name for path in result.rglob("*")] == ["mine.txt"]


def test_the_archive_is_sent_while_it_is_made(tmp_path: Path) -> None:
    """Nothing is read ahead: after the first piece, a later file may still change or go."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(name.encode() * 3_000_000)
    stream = zip_stream({name: tmp_path / name for name in ("a", "b", "c")})
    first = next(stream)
    assert len(first) < 2_000_000
    (tmp_path / "b").unlink()
    with zipfile.ZipFile(io.BytesIO(first + b"".join(stream))) as archive:
        assert archive.namelist() == ["a", "c"]
        assert archive.testzip() is None


@given(st.dictionaries(st.text("abcü/. ", min_size=1, max_size=6), st.binary(max_size=40), max_size=4))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_files_are_found_in_their_archive(tmp_path: Path, contents: dict[str, bytes]) -> None:
    files = {}
    for number, (name, content) in enumerate(contents.items()):
        files[f"{number}{name}"] = tmp_path / str(number)
        files[f"{number}{name}"].write_bytes(content)
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_stream(files)))) as archive:
        assert [archive.read(info) for info in archive.infolist()] == list(contents.values())


def test_pictures_are_a_table_of_prompts_and_steps(trained: Trained) -> None:
    folder = trained()
    sheet = sheet_of(record_of(folder), files_of(folder))
    assert sheet.prompts == ("a red fox", "an <b>owl</b> & more")
    assert [(one.step, one.epoch, one.file.name) for one in sheet.columns] == [
        (10 * epoch, epoch, f"fox-{epoch:06d}.safetensors") for epoch in (1, 2, 3)
    ]
    places = [(row, column) for row in (0, 1) for column in (0, 1, 2)]
    assert sorted((cell.row, cell.column) for cell in sheet.cells) == places
    assert sample_named(folder, sheet.cells[0].name).is_file()
    assert sample_named(folder, "other.png") is None


def test_only_a_file_of_a_pictures_own_step_or_epoch_is_its_own(trained: Trained, tmp_path: Path) -> None:
    folder = trained()
    for epoch in (1, 2):
        (tmp_path / "out" / f"fox-{epoch:06d}.safetensors").unlink()
    log = EventLog(folder / "events.jsonl")
    for step, epoch in ((0, 0), (25, 3)):
        path = tmp_path / "out" / "sample" / f"fox_{step}.png"
        log.write("sample", path=str(path), prompt="a red fox", index=0, step=step, epoch=epoch, seed=0)
    log.close()
    columns = sheet_of(record_of(folder), files_of(folder)).columns
    assert [(one.step, one.is_own, one.file.step, one.file_epoch) for one in columns] == [
        (0, False, 30, 3), (10, False, 30, 3), (20, False, 30, 3), (25, True, 30, 3), (30, True, 30, 3)
    ]


def test_training_pictures_are_those_of_the_runs_settings(trained: Trained, tmp_path: Path) -> None:
    folder = trained()
    assert [path.parent for path in training_pictures(folder)] == [tmp_path / "images" / "1_fox"] * 2
    assert training_pictures(tmp_path) == ()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_line, max_size=12), st.data())
def test_no_event_breaks_the_table_or_the_pictures(tmp_path: Path, lines: list[dict[str, object]], data) -> None:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    listed = data.draw(st.lists(st.lists(st.text() | st.integers(), max_size=4)))
    (folder / "manifest.json").write_text(json.dumps(listed))
    record = record_of(folder)
    files = files_of(folder, record)
    csv_of(rows_of(record, files))
    sheet = sheet_of(record, files)
    assert len(sheet.cells) <= len(record.samples)
    archive_of(folder, True)


@pytest.mark.parametrize("damage", ["", "[", "{}", "[[1]]", '[["a", "epoch", "x", 1]]', '[["a", 0, 0, 0]]', "null"])
def test_a_damaged_list_leaves_what_the_events_say(trained: Trained, damage: str) -> None:
    folder = trained()
    (folder / "manifest.json").write_text(damage)
    assert [file.name for file in files_of(folder)] == [f"fox-{epoch:06d}.safetensors" for epoch in (1, 2, 3)]

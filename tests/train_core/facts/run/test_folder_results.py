"""What a result that is a folder says of itself, and that no more than it names is ever removed."""

from __future__ import annotations

import json
from pathlib import Path

from train_core.facts.run.folder_results import read_notes, write_notes
from train_core.facts.run.written import remove_written


def folder_in(place: Path) -> Path:
    (place / "model" / "unet").mkdir(parents=True)
    (place / "model" / "unet" / "weights").write_bytes(b"weights")
    write_notes(place / "model", {"b": "2", "a": "1"})
    return place / "model"


def test_notes_have_the_metadata_and_name_every_file(tmp_path: Path) -> None:
    notes = read_notes(folder_in(tmp_path))
    assert notes.metadata == {"a": "1", "b": "2"}
    assert notes.files == ("crucible.json", "unet/weights")


def test_a_folder_goes_with_what_its_notes_name_and_stays_with_what_others_put_there(tmp_path: Path) -> None:
    first, second = folder_in(tmp_path / "first"), folder_in(tmp_path / "second")
    (second / "unet" / "mine").touch()
    for folder in (first, second):
        remove_written(folder)
    assert not first.exists()
    assert [one.name for one in second.rglob("*")] == ["unet", "mine"]


def test_paths_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    (tmp_path / "other").touch()
    names = ["../other", str(tmp_path / "other"), "unet/../../other", "C:/other", "..\\other", "", ".", "a\0b", 3]
    (folder / "crucible.json").write_text(json.dumps({"metadata": {}, "files": names}), encoding="utf-8")
    assert read_notes(folder).files == ()
    remove_written(folder)
    assert (tmp_path / "other").exists()
    (folder / "crucible.json").write_text("no notes", encoding="utf-8")
    assert read_notes(folder).files == read_notes(tmp_path).files == ()

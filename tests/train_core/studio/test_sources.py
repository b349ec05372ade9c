"""Several folders as one dataset, and a dataset taken from the list."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.pictures import noise_image
from train_core.config.problems import UserError
from train_core.studio.dataset import dataset_of, datasets, forget, sources_of, with_source, without_source
from train_core.studio.studio import Studio


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    for number, name in enumerate(("one", "two")):
        (tmp_path / name).mkdir()
        noise_image((64, 64), number).save(tmp_path / name / "1.png")
        (tmp_path / name / "1.txt").write_text(name)
    return tmp_path / "one", tmp_path / "two"


def test_a_folder_is_added_with_what_was_decided_and_taken_out_again(folders: tuple[Path, Path]):
    one, two = folders
    studio = Studio(dataset_of(one))
    studio.mark(list(studio.pictures), "k")
    studio.set_sources(with_source(studio.dataset, two))
    assert [facts.mark for facts in studio.facts.values()] == ["k", "."]
    assert dataset_of(one) == studio.dataset and sources_of(one) == (one, two) and sources_of(two) == (two,)
    studio.edit(list(studio.pictures), lambda text: f"{text}, x", {"do": "add"})
    with zipfile.ZipFile(next(studio.dataset.folder.glob("captions-before/*.zip"))) as kept:
        assert sorted(map(kept.read, kept.namelist())) == [b"one", b"two"]
    for wrong in (one, one / "deeper", one.parent):
        wrong.mkdir(exist_ok=True)
        told = "part of this dataset already" if wrong == one else "lie within each other"
        with pytest.raises(UserError, match=told):
            with_source(studio.dataset, wrong)
    studio.set_sources(without_source(studio.dataset, two))
    assert [picture.path.parent for picture in studio.pictures.values()] == [one]
    assert without_source(studio.dataset, one).sources == (one,)
    studio.undo()
    assert (two / "1.txt").read_text() == "two"


def test_a_dataset_that_is_removed_lies_in_the_trash_and_its_pictures_stay(folders: tuple[Path, Path], tmp_path: Path):
    studio = Studio(dataset_of(folders[0]))
    studio.mark(list(studio.pictures), "k")
    place = forget(studio.dataset)
    assert datasets() == [] and place.parent == tmp_path / "home" / "trash"
    assert (place / "journal.jsonl").is_file() and (folders[0] / "1.png").is_file()
    assert dataset_of(folders[0]).id != studio.dataset.id

"""A dataset file as a table: what is written is read back, and no file is written over."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pictures import image_folder
from train_core.config.image_settings import DataSettings
from train_core.config.problems import UserError
from train_core.config.sections.dataset import DatasetSettings
from train_core.facts.datasets.dataset_files import read_dataset_file
from train_core.facts.datasets.subsets import survey
from train_core.facts.datasets.table import (
    Row,
    checked,
    counted,
    table_of_file,
    table_of_folders,
    text_of,
    write_table,
)

BASE = DataSettings()
WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ROWS = st.lists(
    st.builds(
        Row, folder=WORDS.map(lambda name: f"/data/{name.replace('/', '_').replace(chr(0), '')}"),
        repeats=st.integers(1, 10000), words=WORDS, is_reg=st.booleans(),
        resolution=st.sampled_from(["", "512", "768,1024", " 640 x 640 "]),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_what_is_written_is_read_back(tmp_path_factory, rows: list[Row]):
    folder = tmp_path_factory.mktemp("table")
    try:
        path = write_table(folder, "mine", rows, BASE)
    except UserError:  # a folder twice, or regularisation images alone: told, and nothing written
        assert not list(folder.iterdir())
        return
    table = table_of_file(path, BASE)
    assert table.rows == checked(rows) and table.left == ()
    assert write_table(folder, "mine", table.rows, BASE) == path  # the same again is the same file


def test_a_row_of_its_own_size_is_a_dataset_of_its_own(tmp_path: Path):
    rows = [Row("/a", 2, "zuko dog"), Row("/b", 3, resolution="768"), Row("/c", 1, "dog", is_reg=True)]
    path = write_table(tmp_path, "mine", rows, BASE)
    found = read_dataset_file(path, BASE)
    assert [(one.dataset, str(one.image_dir), one.repeats, one.is_reg) for one in found.subsets] == [
        (0, "/a", 2, False), (0, "/c", 1, True), (1, "/b", 3, False)
    ]  # fmt: skip
    assert [one.settings.dataset.resolution for one in found.subsets][-1] in ("768", "768,768")


def test_no_file_is_written_over(tmp_path: Path):
    (tmp_path / "mine.toml").write_text("# the user's own")
    first = write_table(tmp_path, "mine", [Row("/a")], BASE)
    second = write_table(tmp_path, "mine", [Row("/b")], BASE)
    assert [first.name, second.name] == ["mine-2.toml", "mine-3.toml"]
    assert (tmp_path / "mine.toml").read_text() == "# the user's own"


@pytest.mark.parametrize("name", ["../out", "con", "", "a/b\\c", "x" * 500, "我的"])
def test_any_name_of_a_run_gives_a_file_in_the_folder(tmp_path: Path, name: str):
    assert write_table(tmp_path / "in", name, [Row("/a")], BASE).parent == tmp_path / "in"
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("row, reason", [
    (Row("/a", resolution="big"), "resolution"), (Row("/a", resolution="100000"), "resolution"),
    (Row("/a", repeats=0), "repeats"), (Row(""), "folder"), (Row("relative"), "folder"),
])  # fmt: skip
def test_a_row_that_is_wrong_is_named_by_its_number(tmp_path: Path, row: Row, reason: str):
    with pytest.raises(UserError, match=f"Row 2.*{reason}"):
        write_table(tmp_path, "mine", [Row("/b"), row], BASE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rows, reason", [
    ([], "no folder"), ([Row("/a"), Row("/a")], "same images"), ([Row("/a", is_reg=True)], "only regularisation"),
    ([Row("/a", resolution="60")], "64"),
])  # fmt: skip
def test_a_table_that_cannot_be_trained_on_is_not_written(tmp_path: Path, rows: list[Row], reason: str):
    with pytest.raises(UserError, match=reason):
        write_table(tmp_path, "mine", rows, BASE)
    assert not list(tmp_path.iterdir())


def test_what_a_table_has_no_column_for_is_said(tmp_path: Path):
    path = tmp_path / "x.toml"
    path.write_text(
        '[general]\nflip_aug = true\nresolution = 640\n[[datasets]]\nbatch_size = 2\n[[datasets.subsets]]\n'
        'image_dir = "a"\nkeep_tokens = 1\n[[datasets]]\n[[datasets.subsets]]\nmetadata_file = "m.json"\n'
    )
    table = table_of_file(path, BASE)
    assert table.rows == (Row(str(tmp_path / "a"), 1, resolution="640"),)
    assert {"flip_aug", "batch_size", "keep_tokens", "metadata_file"} <= set(table.left)
    with pytest.raises(UserError):
        table_of_file(tmp_path / "gone.toml", BASE)


def test_the_folder_of_folders_gives_the_same_images_as_its_table(tmp_path: Path):
    image_folder(tmp_path / "images", "10_zuko dog", [(64, 64)] * 3, "a dog")
    image_folder(tmp_path / "images", "2_cat", [(64, 64)] * 2)
    image_folder(tmp_path / "reg", "1_zuko dog", [(72, 64)] * 9)
    dataset = DatasetSettings(train_data_dir=str(tmp_path / "images"), reg_data_dir=str(tmp_path / "reg"))
    before = survey(DataSettings(dataset))
    table = table_of_folders(DataSettings(dataset))
    assert [(Path(row.folder).name, row.repeats, row.words, row.is_reg) for row in table.rows] == [
        ("10_zuko dog", 10, "zuko dog", False), ("2_cat", 2, "cat", False), ("1_zuko dog", 1, "dog", True)
    ]  # fmt: skip
    path = write_table(tmp_path, "mine", table.rows, BASE)
    after = survey(DataSettings(DatasetSettings(dataset_config=str(path))))
    assert [one.samples for one in after.subsets] == [one.samples for one in before.subsets] == [30, 4, 34]
    found = counted(table.rows, BASE)
    assert [(one.images, one.samples) for one in found] == [(3, 30), (2, 4), (9, 34)]


def test_a_folder_that_is_not_there_has_no_images(tmp_path: Path):
    found = counted([Row(str(tmp_path / "gone"), 5), Row(""), Row("/x" * 3000)], BASE)
    assert [(one.images, one.samples) for one in found] == [(0, 0)] * 3


def test_the_text_holds_any_path(tmp_path: Path):
    assert 'image_dir = "/a \\"b\\" \\\\x"' in text_of([Row('/a "b" \\x')])

"""Captions that stand only in metadata files: found, written only where there is none, and undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pictures import noise_image
from train_core.config.problems import UserError
from train_core.studio.arriving.listed_captions import captions_in, folder_of
from train_core.studio.dataset import dataset_of
from train_core.studio.listing import Listing
from train_core.studio.studio import Studio


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    for number, name in enumerate(("a/1.png", "b/1.png", "2.png", "3.png")):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise_image((64, 64), number).save(path)
    (tmp_path / "pictures" / "3.txt").write_text("mine")
    return tmp_path / "pictures"


def said(listing: Listing) -> dict[str, str]:
    pictures, top = listing.studio.pictures, listing.studio.dataset.sources[0]
    return {pictures[id].path.relative_to(top).as_posix(): one.text for id, one in listing.unwritten().items()}


def opened(source: Path) -> Listing:
    listing = Listing(Studio(dataset_of(source)))
    listing.take_listed()
    return listing


@pytest.mark.parametrize(("name", "lines"), [
    ("meta_cap.json", [json.dumps({
        "a/1.png": {"caption": "A girl.", "tags": "hat"}, "b/1": {"tags": "tree"}, "3.png": {"caption": "theirs"},
        "elsewhere/2.png": {"caption": "by its name"}, "none.png": {"caption": "x"},
    })]),
    ("metadata.jsonl", [
        json.dumps({"file_name": file, "text": text}) for file, text in
        (("a/1.png", "A girl., hat"), ("b/1.png", "tree"), ("3.png", "theirs"), ("2.png", "by its name"))
    ]),
])  # fmt: skip
def test_captions_of_a_list_are_written_only_where_there_is_none(source: Path, name: str, lines: list[str]):
    (source / name).write_text("\n".join(lines))
    listing = opened(source)
    expected = {"a/1.png": "A girl., hat", "b/1.png": "tree", "2.png": "by its name"}
    assert said(listing) == expected
    outcome = listing.studio.fill({id: one.text for id, one in listing.listed.items()}, {"do": "listed", "tag": name})
    assert len(outcome.captioned) == 3 and said(listing) == {}
    assert (source / "3.txt").read_text() == "mine" and (source / "b" / "1.txt").read_text() == "tree"
    listing.studio.undo()
    assert said(listing) == expected and not (source / "2.txt").exists()


def test_pictures_of_one_name_do_not_get_each_others_captions(source: Path):
    (source / "metadata.json").write_text(json.dumps({"c/1.png": {"caption": "x"}, "1.png": {"caption": "y"}}))
    assert said(opened(source)) == {}


def test_a_list_that_is_opened_leads_to_the_folder_of_its_pictures(source: Path, tmp_path: Path):
    file = tmp_path / "captions.json"
    file.write_text(json.dumps({str(source / name): {"caption": name} for name in ("a/1.png", "2.png")}))
    assert folder_of(file) == tmp_path  # its pictures lie below it
    (tmp_path / "lists").mkdir()
    assert folder_of(file.rename(tmp_path / "lists" / "captions.json")) == source
    nothing = source / "empty.json"
    nothing.write_text(json.dumps({"none.png": {"caption": "x"}}))
    with pytest.raises(UserError, match="is where it says"):
        folder_of(nothing)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["1.png", "image_path", "file_name", "text", "caption", "tags", "../x", "/"]), inner, max_size=4
    ), max_leaves=10,
)  # fmt: skip


@given(JSON, st.booleans())
def test_whatever_a_list_says_it_is_read_or_passed_over(tmp_path_factory: Any, content: Any, by_lines: bool):
    file = tmp_path_factory.mktemp("list") / ("metadata.jsonl" if by_lines else "metadata.json")
    file.write_text(json.dumps(content))
    for one in captions_in([file], {1: file.with_name("1.png")}).values():
        assert one.text == one.text.strip() != ""

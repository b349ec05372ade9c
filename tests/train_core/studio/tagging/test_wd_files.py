"""A tagger's files: its list of tags is read by the names of its columns; what is missing is named with its place."""

from __future__ import annotations

import csv
import io
import socket
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.taggers import CHARACTER, GENERAL, RATING, Tag, write_tagger
from train_core.config.problems import UserError
from train_core.studio.tagging.wd_files import NO_CATEGORY, read_tagger, read_tags

TAGS = [Tag("nagisa", category=CHARACTER), Tag("1girl"), Tag("sensitive", category=RATING), Tag("long_hair")]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("columns", [
    ("tag_id", "name", "category", "count"), ("count", "category", "tag_id", "name"), ("name", "category"),
])  # fmt: skip
def test_tags_and_categories_are_found_by_the_names_of_their_columns(tmp_path: Path, columns: tuple[str, ...]) -> None:
    tagger = read_tagger(write_tagger(tmp_path / "wd", TAGS, columns=columns))
    assert tagger.name == "wd"
    assert tagger.tags == ("nagisa", "1girl", "sensitive", "long_hair")
    assert tagger.categories == (CHARACTER, GENERAL, RATING, GENERAL)


def test_a_tagger_with_another_list_of_tags_is_another_one(tmp_path: Path) -> None:
    one, other = (read_tagger(write_tagger(tmp_path / name, TAGS[:count])) for name, count in (("a", 4), ("b", 3)))
    assert one.digest != other.digest
    assert one.digest == read_tagger(write_tagger(tmp_path / "c", TAGS)).digest


@pytest.mark.parametrize("there", [(), ("model.onnx",), ("selected_tags.csv",)])
def test_missing_files_are_named_with_where_to_get_and_put_them_and_nothing_is_fetched(
    tmp_path: Path, there: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in there:
        (tmp_path / name).touch()
    with pytest.raises(UserError) as raised:
        read_tagger(tmp_path)
    [found] = raised.value.problems
    assert found.code == "tagger_missing"
    assert set(found.params["files"].split(", ")) == {"model.onnx", "selected_tags.csv"} - set(there)
    assert found.params["folder"] == str(tmp_path)
    assert "SmilingWolf/wd-vit-tagger-v3" in found.text


@pytest.mark.parametrize("content", [
    b"", b"\xff\xfe\x00", b"tag,kind\na,0\n", b'name,category\n"' + b"a" * 200_000 + b'",0\n', b"\n\n",
])  # fmt: skip
def test_a_list_that_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "selected_tags.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        read_tags(path)
    assert raised.value.problems[0].code == "tagger_tags_unreadable"


def test_a_row_that_says_nothing_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "selected_tags.csv"
    path.write_bytes("\ufeffName , CATEGORY\r\na,0\r\nb\r\nc,x\r\n,\r\nd,-4\r\né,4\r\n".encode())
    tags, categories = read_tags(path)
    assert tags == ("a", "b", "c", "", "d", "é")
    assert categories == (0, *[NO_CATEGORY] * 4, 4)


NAME = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(NAME, st.integers(0, 999)), max_size=8), st.permutations(["name", "category", "x"]))
def test_whatever_names_a_list_has_are_read(tmp_path_factory, rows, columns):
    path = tmp_path_factory.mktemp("list") / "selected_tags.csv"
    said = io.StringIO()
    write = csv.DictWriter(said, columns)
    write.writeheader()
    write.writerows({"name": name, "category": category, "x": "1"} for name, category in rows)
    path.write_bytes(said.getvalue().encode())
    tags, categories = read_tags(path)
    assert list(zip(tags, categories, strict=True)) == [(name.strip(), category) for name, category in rows]

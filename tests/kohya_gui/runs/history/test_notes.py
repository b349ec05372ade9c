"""Notes, tags and marks of a run are kept in its folder, and nobody's words are lost."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohya_gui.runs.history.notes import (
    FILE,
    Notes,
    known_notes,
    mark_picture,
    parse_tags,
    read_notes,
    write_note,
)
from tests.kohya_gui.runs.history.conftest import MakeRun
from train_core.config.problems import UserError


def test_words_tags_and_marks_are_read_as_they_were_written(make_run: MakeRun) -> None:
    folder = make_run("20260101-000000-a")
    mark_picture(folder, "a.png", "good")
    mark_picture(folder, "b.png", "bad")
    write_note(folder, " 眼睛很好\nepoch 6 ", "zuko，keeper、 two  words ,zuko")
    assert read_notes(folder) == Notes(
        "眼睛很好\nepoch 6", ("zuko", "keeper", "two words"), {"a.png": "good", "b.png": "bad"}
    )
    mark_picture(folder, "b.png", None)
    assert read_notes(folder).marks == {"a.png": "good"}


def test_what_was_just_written_is_known_at_once(make_run: MakeRun) -> None:
    folder = make_run("20260101-000000-a")
    for number in range(20):
        write_note(folder, str(number), "")
        assert known_notes(folder).note == str(number)


def test_a_damaged_file_is_named_before_anything_is_written_over_it(make_run: MakeRun) -> None:
    folder = make_run("20260101-000000-a")
    (folder / FILE).write_text("{ my words", encoding="utf-8")
    assert read_notes(folder) == Notes()
    with pytest.raises(UserError, match=r"notes\.json"):
        write_note(folder, "new", "")
    assert (folder / FILE).read_text(encoding="utf-8") == "{ my words"


@given(st.text())
def test_tags_are_short_few_and_each_once(text: str) -> None:
    tags = parse_tags(text)
    assert len(set(tags)) == len(tags) <= 20
    assert all(0 < len(tag) <= 40 and tag == " ".join(tag.split()) for tag in tags)
    assert parse_tags(",".join(tags)) == tags


@given(st.one_of(st.binary(), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["note", "tags", "marks", "x"]), inner),
).map(lambda found: json.dumps(found).encode())))  # fmt: skip
def test_no_file_makes_reading_fail(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(data)
        found = read_notes(Path(folder))
    assert isinstance(found.note, str)
    assert all(isinstance(tag, str) for tag in found.tags)
    assert set(found.marks.values()) <= {"good", "bad"}

"""Which tags are taken, how they are written, and how they come into captions that are there."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.studio.captions import tags_of
from train_core.studio.tagging.choosing import KAOMOJI, Choice, alike, chosen, combined, excluded_by, written
from train_core.studio.tagging.scores import Scores, mcut
from train_core.studio.tagging.wd_files import CHARACTER, GENERAL, RATING

SAID = {
    "1girl": 0.98, "long_hair": 0.6, "smile": 0.35, "hat": 0.349, "furukawa_nagisa": 0.86, "other": 0.84,
    "sensitive": 0.7, "general": 0.2, "an_artist": 0.99,
}  # fmt: skip
CATEGORIES = {
    **dict.fromkeys(("1girl", "long_hair", "smile", "hat"), GENERAL), "furukawa_nagisa": CHARACTER,
    "other": CHARACTER, "sensitive": RATING, "general": RATING, "an_artist": 1,
}  # fmt: skip
SCORES = Scores(SAID, general_cut=0.79, character_cut=0.02)
PLAIN = ["furukawa nagisa", "1girl", "long hair", "smile"]


@pytest.mark.parametrize(("choice", "expected"), [
    (Choice(), PLAIN),
    (Choice(general=0.6, character=0.8), ["furukawa nagisa", "other", "1girl", "long hair"]),
    (Choice(characters=False), PLAIN[1:]),
    (Choice(rating=True), [*PLAIN, "sensitive"]),
    (Choice(mcut=True), ["furukawa nagisa", "other", "1girl"]),
    (Choice(excluded=excluded_by("Long_Hair, smile")), PLAIN[:2]),
    (Choice(spaces=False), ["furukawa_nagisa", "1girl", "long_hair", "smile"]),
])  # fmt: skip
def test_tags_are_taken_by_category_and_score(choice: Choice, expected: list[str]) -> None:
    assert chosen(SCORES, CATEGORIES, choice) == expected


def test_mcut_lies_in_the_middle_of_the_largest_gap() -> None:
    assert mcut([0.1, 0.9, 0.8, 0.3, 0.25]) == pytest.approx(0.55)
    assert mcut([0.7]) == mcut([]) == 0
    scores = Scores({"a": 0.2, "b": 0.12}, 0.5, 0.0)
    categories = dict.fromkeys("ab", CHARACTER)
    assert chosen(scores, categories, Choice(mcut=True)) == ["a"]  # characters never below 0.15


def test_underscores_are_spaces_except_in_faces() -> None:
    assert len(KAOMOJI) == 19
    assert [written(face, True, False) for face in sorted(KAOMOJI)] == sorted(KAOMOJI)
    assert written("looking_at_viewer", True, False) == "looking at viewer"
    assert written("k_on", True, False) == "k on"


def test_brackets_are_escaped_where_that_is_wanted() -> None:
    assert written("saber_(fate)", True, True) == r"saber \(fate\)"
    assert written("saber_(fate)", True, False) == "saber (fate)"
    assert written("(o)_(o)", True, True) == r"\(o\)_\(o\)"
    assert written("a\\b", True, True) == r"a\\b"
    assert alike(written("saber_(fate)", True, True)) == alike("saber_(fate)")


@given(st.text(st.characters(blacklist_categories=())), st.booleans(), st.booleans())
def test_no_tag_divides_a_caption_or_its_lines(name: str, spaces: bool, escaped: bool) -> None:
    tag = written(name, spaces, escaped)
    assert tags_of(tag) in ([], [tag])
    assert not re.search("[\n\r\0\ud800-\udfff]", tag)


NEW = ["1girl", "blue eyes", "hat"]


@pytest.mark.parametrize(("existing", "before", "after"), [
    ("keep", "a girl, standing", "a girl, standing"),
    ("keep", " \n", "1girl, blue eyes, hat"),
    ("append", "", "1girl, blue eyes, hat"),
    ("append", "hat ,Blue_eyes,", "hat ,Blue_eyes, 1girl"),
    ("append", "A girl in the rain.  ", "A girl in the rain., 1girl, blue eyes, hat"),
    ("append", "1girl，hat, blue eyes ,", "1girl，hat, blue eyes ,"),
    ("prepend", "hat ,rain", "1girl, blue eyes, hat ,rain"),
    ("prepend", "one\n\ntwo, 1girl", "1girl, blue eyes, hat, one\n\nblue eyes, hat, two, 1girl"),
    ("replace", "one\ntwo", "1girl, blue eyes, hat"),
])  # fmt: skip
def test_captions_that_are_there_are_kept_added_to_or_replaced(existing, before, after):
    assert combined(before, NEW, existing) == after
    assert combined(after, NEW, existing) == after  # doing it again changes nothing


@pytest.mark.parametrize(("existing", "before", "after"), [
    ("keep", "", "nagisa, school, 1girl, blue eyes, hat"),
    ("keep", "rain", "rain"),
    ("append", "rain, school", "nagisa, school, rain, 1girl, blue eyes, hat"),
    ("append", "nagisa, school, rain", "nagisa, school, rain, 1girl, blue eyes, hat"),
    ("prepend", "rain", "nagisa, school, 1girl, blue eyes, hat, rain"),
    ("replace", "rain", "nagisa, school, 1girl, blue eyes, hat"),
])  # fmt: skip
def test_the_trigger_stands_in_front_of_whatever_is_written(existing, before, after):
    assert combined(before, [*NEW, "school"], existing, ["nagisa", "school"]) == after
    assert combined(after, [*NEW, "school"], existing, ["nagisa", "school"]) == after

"""The filter language: every term, its negation, and nonsense that is refused with its reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.studio.query import Facts, parse, quoted

PICTURE = Facts(
    "My 01.png", 1024, 768, caption="1girl, blue eyes, Hat", tags=frozenset({"1girl", "blue eyes", "hat"}),
    captioned=True, mark="k", shot="cowboy shot", alpha=True, sharp=40, brightness=0.9, group="alike", faces=1,
    person=True, text=True,
)  # fmt: skip
HOLD = (
    'tag:"blue eyes"', "tag:hat", "tag:HAT", "missing:solo", 'shot:"cowboy shot"', "mark:keep", "side>=768", "side=768",
    "size>1000", "width<=1024", "height<769", "aspect>1.3", "sharp>=40", "bright>80", "light", "alpha", "captioned",
    "alike", "name:01", "caption:girl", "blue", '"blue eyes"', "tags=3", "is:alpha",
    "faces:1", "faces=1", "faces>=1", "person", "text", "has:text",
)  # fmt: skip


@pytest.mark.parametrize("term", HOLD)
def test_a_term_holds_and_its_negation_does_not(term):
    assert parse(term)(PICTURE)
    assert not parse(f"-{term}")(PICTURE)


def test_all_terms_have_to_hold():
    assert parse(" ".join(HOLD))(PICTURE)
    assert not parse(f"{' '.join(HOLD)} tag:1boy")(PICTURE)
    assert parse("")(PICTURE)


def test_what_was_not_measured_yet_fits_no_number():
    plain = Facts("a.png", 10, 10)
    assert not parse("faces:0")(plain) and not parse("person")(plain) and not parse("text")(plain)
    assert not parse("sharp>=0")(plain) and not parse("dark")(plain) and parse("-dark")(plain)


@pytest.mark.parametrize(
    "term", ["sidee>3", "side>x", "mark:kept", "side:3", "faces:many", "tag>3", "colour:red", "side>9e99"]
)
def test_what_cannot_be_meant_is_told_with_what_can(term):
    with pytest.raises(UserError) as told:
        parse(term)
    assert told.value.problems[0].params["known"]


@pytest.mark.parametrize(
    ("term", "named"),
    [("faces:x", "faces>=2"), ("size>", "size>=768"), ("-faces>=", "faces:1"), ("tag:", "tag:hat"),
     ("mark:", "mark:keep"), ('tag:"blue', 'tag:"blue eyes"'), ('"blue', 'tag:"blue eyes"'),
     ("shot:nothing", 'shot:"full body"')],
)  # fmt: skip
def test_an_unfinished_term_is_told_with_examples_of_its_own(term, named):
    with pytest.raises(UserError) as told:
        parse(term, ["Portrait", "full body"])
    assert named in str(told.value.problems[0])
    assert "sharp>40" not in str(told.value.problems[0])


def test_shots_that_there_are_and_smileys_are_no_mistakes():
    assert parse('shot:"Cowboy shot"', ["cowboy shot"])(PICTURE)
    assert not parse("shot:portrait", ["portrait"])(PICTURE)
    assert parse(":d")(Facts("a", 1, 1, caption=":d"))
    assert parse("x:") and parse("-shot:portrait", ["portrait"])(PICTURE)


def test_a_folder_is_found_by_its_name_at_any_depth():
    deep = Facts("a", 1, 1, folder="more/30_crux robot/in")
    assert all(parse(one)(deep) for one in ('folder:"30_crux robot"', "folder:more", "folder:MORE/", "folder:in"))
    assert not parse("folder:robot")(deep) and not parse("folder:mor")(deep)


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_refused(text):
    try:
        assert parse(text)(PICTURE) in (True, False)
    except UserError as error:
        assert error.problems[0].code in ("studio_filter", "studio_filter_open", "studio_filter_quote")


@given(st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=20).filter(lambda t: t == t.strip()))
def test_a_quoted_tag_is_found(tag):
    lower = tag.lower()
    assert parse(f"tag:{quoted(lower)}")(Facts("a", 1, 1, tags=frozenset({lower})))

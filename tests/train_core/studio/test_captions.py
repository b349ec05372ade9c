"""Editing captions: what is not changed stays to the byte; tags are added, removed, renamed and moved."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.studio import captions
from train_core.studio.captions import edited, rewritten, shown, without_last_commas
from train_core.studio.tag_edits import edit_of

LINE = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n\0\ufeff"), max_size=20)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(st.lists(LINE, min_size=1, max_size=5), ENDS, st.booleans(), st.booleans(), st.data())
def test_other_lines_keep_their_ends_mark_and_last_end(lines, end, mark, ended, data):
    whole = ("\ufeff" if mark else "") + end.join(lines) + (end if ended else "")
    assert rewritten(whole, shown(whole)) == whole
    new = data.draw(st.lists(LINE, min_size=1, max_size=5))
    written = rewritten(whole, "\n".join(new))
    assert shown(written) == "\n".join(new) or new[-1] == ""
    if "\n".join(new) != shown(whole):
        assert written.startswith("\ufeff") == mark
        kept = list(captions.LINE_END.findall(written))
        if len(lines) > 1 or ended:
            assert set(kept) <= {end}
            assert written.endswith(end) >= ended


@given(st.lists(st.sampled_from(["solo", "1girl", "blue eyes", "hat"]), max_size=6), st.data())
def test_a_tag_renamed_to_itself_and_back_changes_nothing(tags, data):
    text = ", ".join(tags)
    tag = data.draw(st.sampled_from(["solo", "hat"]))
    assert edit_of("rename", tag, tag)(text) == text
    assert edit_of("remove", "absent", "")(text) == text
    renamed = edit_of("rename", tag, "new tag")(text)
    assert captions.tags_of(renamed).count("new tag") == (tag in tags)


@pytest.mark.parametrize(
    ("do", "tag", "into", "before", "after"),
    [
        ("add", "smile", "", "1girl, solo", "1girl, solo, smile"),
        ("add", "smile", "", "1girl,solo ,", "1girl,solo, smile"),
        ("add", "solo", "", "1girl,solo", "1girl,solo"),
        ("add", "a, b", "", "", "a, b"),
        ("add", "x", "", "one\n\ntwo", "one, x\n\ntwo, x"),
        ("add", "x", "", "one\nHer hat, a red one, is new.", "one, x\nHer hat, a red one, is new."),
        ("add", "x", "", "\nHer hat, a red one, is new.", "x\nHer hat, a red one, is new."),
        ("add", "x", "", "Her hat, a red one, is new.", "Her hat, a red one, is new., x"),
        ("sort", "", "", "hat, 1girl\n他在公园里，戴着帽子。", "1girl, hat\n他在公园里，戴着帽子。"),
        ("remove", "solo", "", "1girl, solo, hat", "1girl, hat"),
        ("remove", "solo", "", "solo", ""),
        ("rename", "leaf", "maple leaves", "tree, leaf", "tree, maple leaves"),
        ("rename", "leaf", "tree", "tree, leaf, sky", "tree, sky"),
        ("rename", "leaf", "a, b", "leaf, leaf, sky", "a, b, sky"),
        ("once", "hat", "", "hat, solo, Hat, solo, hat", "hat, solo, solo"),
        ("front", "hat, solo", "", "1girl, solo, hat", "hat, solo, 1girl"),
        ("front", "nagisa", "", "1girl, solo", "1girl, solo"),
        ("replace", "blue", "red", "blue eyes, blue hair", "red eyes, red hair"),
        ("remove", "1boy", "", "1girl，1boy、solo", "1girl, solo"),
    ],
)
def test_tags_change_as_people_expect(do, tag, into, before, after):
    assert edit_of(do, tag, into)(before) == after


def test_sentences_behind_the_first_line_are_no_tags():
    text = "1girl, hat\nHer hat, a red one, is new.\n1boy, tie\nHe smiles."
    assert captions.all_tags(text) == ["1girl", "hat", "1boy", "tie", "He smiles."]
    assert captions.parts(text) == ("1girl, hat", "Her hat, a red one, is new. 1boy, tie He smiles.")
    assert captions.parts("") == ("", "")


@pytest.mark.parametrize(("do", "tag", "into"), [("add", " , ", ""), ("rename", "a, b", "c"), ("what", "a", "b"),
                                                 ("rename", "a", ""), ("replace", "", "x")])
def test_a_change_without_a_tag_is_refused(do, tag, into):
    with pytest.raises(UserError, match="tag is missing"):
        edit_of(do, tag, into)


def test_an_edit_that_leaves_the_tags_leaves_the_text():
    assert edited("a ,b,  c,", list) == "a ,b,  c,"


def test_a_caption_file_is_the_one_that_is_there(tmp_path: Path):
    assert captions.caption_file(tmp_path / "x.png").name == "x.txt"
    (tmp_path / "x.caption").touch()
    assert captions.caption_file(tmp_path / "x.png").name == "x.caption"


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_no_file_can_hold_is_refused(text):
    with pytest.raises(UserError):
        captions.checked(text)


def test_a_comma_that_completing_leaves_is_not_saved_and_lines_of_others_stay():
    assert without_last_commas("bom tag, blue sky, ", "bom tag") == "bom tag, blue sky"
    assert without_last_commas("a,\nb, \n、", "a,") == "a,\nb\n"

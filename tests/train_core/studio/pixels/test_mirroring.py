"""Captions of mirrored copies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.studio.pixels.mirroring import mirrored_caption, one_sided


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1girl, looking left, hat", "1girl, looking right, hat"),
        ("left_hand raised,  Right leg up\n", "right_hand raised,  Left leg up\n"),
        ("one eye closed, bright, copyright, leftovers", "one eye closed, bright, copyright, leftovers"),
        ("A LEFT turn, left and right, all right", "A RIGHT turn, left and right, all right"),
        ("看向左边，左右对称", "看向右边，左右对称"),
    ],
)
def test_left_and_right_change_places_and_all_else_stays(before, after):
    assert mirrored_caption(before) == after


@given(st.text() | st.lists(st.sampled_from(["left", "right", "hand", ", ", " ", "左", "LEFT", "Right"])).map("".join))
def test_mirrored_twice_a_caption_is_as_it_was(text):
    assert mirrored_caption(mirrored_caption(text)) == text


def test_what_a_mirror_image_shows_wrongly_is_named():
    assert one_sided("1girl, eyepatch, side_ponytail, scarf, context, english text, artist name, eyepatch") == [
        "eyepatch", "side_ponytail", "english text", "artist name",
    ]  # fmt: skip

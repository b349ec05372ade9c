"""Erasing parts of a picture: whatever is outside stays as it was, to the last pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.photographs import HOPPERS_FACE, hopper, pixels
from tests.pictures import noise_image
from train_core.studio.pixels.backgrounds import cut_out
from train_core.studio.pixels.filling import filled, filled_each, inside, joined
from train_core.studio.pixels.grab_cut import mask_in_box
from train_core.studio.pixels.inpainting import inpainted
from train_core.studio.vision.box import Box

NOISE = np.asarray(noise_image((60, 40), 1))
places = st.integers(-10, 70)
boxes = st.lists(st.builds(Box, places, places, places, places), max_size=5)


@given(boxes=boxes)
def test_outside_of_what_is_erased_no_pixel_changes(boxes):
    where = inside(boxes, (60, 40))
    before = NOISE.copy()
    for changed in (filled(NOISE, where), filled_each(NOISE, where, boxes), inpainted(NOISE, where)):
        assert np.array_equal(changed[~where], NOISE[~where]) and changed.shape == NOISE.shape
    assert np.array_equal(NOISE, before)


def test_what_is_filled_has_the_colour_of_what_is_near():
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[:, :100], picture[:, 100:] = (200, 0, 0), (0, 0, 200)
    parts = [Box(20, 20, 60, 60), Box(140, 20, 180, 60)]
    where = inside(parts, (200, 100))
    picture[where] = 255
    changed = filled_each(picture, where, parts)
    assert (changed[30, 30] == (200, 0, 0)).all() and (changed[30, 150] == (0, 0, 200)).all()


def test_inpainting_goes_on_with_what_is_around():
    picture = np.tile(np.linspace(0, 250, 100).astype(np.uint8)[None, :, None], (60, 1, 3))
    where = inside([Box(40, 20, 60, 40)], (100, 60))
    changed = inpainted(np.where(where[:, :, None], np.uint8(255), picture), where)
    assert np.abs(changed.astype(int) - picture)[where].mean() < 30
    assert len(np.unique(changed[where], axis=0)) > 5


@given(boxes=boxes)
def test_joined_boxes_cover_the_same_and_do_not_overlap(boxes):
    found = joined(boxes)
    for one in (box for box in boxes if box.area):
        assert any(
            other.left <= one.left and other.top <= one.top and one.right <= other.right and one.bottom <= other.bottom
            for other in found
        )
    whole = inside(found, (60, 40))
    assert (whole | inside(boxes, (60, 40)) == whole).all()


def test_grab_cut_keeps_within_the_box_and_finds_what_stands_out():
    picture = np.full((120, 160, 3), 200, np.uint8)
    picture[40:90, 60:110] = (180, 30, 30)
    mask = mask_in_box(picture, Box(50, 30, 120, 100))
    assert mask[65, 85] == 1 and mask[10, 10] == 0 and mask[33, 53] < 0.5
    assert (mask_in_box(picture, Box(0, 0, 160, 120)) == 1).all()
    assert (mask_in_box(picture, Box(200, 200, 300, 300)) == 0).all()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_is_cut_out_stays_and_the_rest_becomes_the_colour(share):
    picture = pixels(hopper())
    mask = np.full(picture.shape[:2], share, np.float32)
    face = HOPPERS_FACE
    mask[face.top : face.bottom, face.left : face.right] = 1
    result = cut_out(picture, mask, (10, 20, 30))
    assert np.array_equal(result[mask == 1], picture[mask == 1])
    assert share != 0 or (result[mask == 0] == (10, 20, 30)).all()

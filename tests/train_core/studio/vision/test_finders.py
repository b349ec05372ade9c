"""Faces, people and text are found on photographs where a person sees them, and not where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.photographs import ASTRONAUTS_FACE, HOPPERS_FACE, astronaut, coffee, hopper, pixels
from train_core.studio.vision.box import Box, overlap
from train_core.studio.vision.faces import faces
from train_core.studio.vision.persons import person_box, person_mask
from train_core.studio.vision.texts import text_boxes

PHOTOGRAPHS = [(astronaut(), ASTRONAUTS_FACE), (hopper(), HOPPERS_FACE)]


@pytest.mark.parametrize(("path", "face"), PHOTOGRAPHS)
def test_a_face_is_found_where_a_person_sees_it(path, face):
    [found] = faces(pixels(path))
    assert overlap(found, face) >= 0.5 and found.score > 0.7


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("width", [250, 500])
def test_a_small_face_on_a_large_picture_is_found(width, mirrored):
    place = Image.open(coffee()).convert("RGB").resize((1500, 1000))
    for path, face in PHOTOGRAPHS:
        person = Image.open(path).convert("RGB")
        scale = width / person.width
        person = person.resize((width, round(person.height * scale)))
        shown = place.copy()
        shown.paste(person, (1100 - width // 2, 300))
        expected = face.scaled(scale, scale)
        left = 1100 - width // 2
        expected = Box(expected.left + left, expected.top + 300, expected.right + left, expected.bottom + 300)
        picture = np.array(shown)
        if mirrored:
            picture = np.ascontiguousarray(picture[:, ::-1])
            expected = Box(1500 - expected.right, expected.top, 1500 - expected.left, expected.bottom)
        assert [overlap(one, expected) >= 0.5 for one in faces(picture)] == [True]


def test_several_faces_are_several_boxes():
    left, right = (Image.open(path).convert("RGB").crop((0, 0, 512, 512)) for path, _ in PHOTOGRAPHS)
    both = Image.new("RGB", (1024, 512))
    both.paste(left, (0, 0))
    both.paste(right, (512, 0))
    found = sorted(faces(np.array(both)), key=lambda box: box.left)
    moved = Box(HOPPERS_FACE.left + 512, HOPPERS_FACE.top, HOPPERS_FACE.right + 512, HOPPERS_FACE.bottom)
    assert [overlap(*pair) >= 0.5 for pair in zip(found, (ASTRONAUTS_FACE, moved), strict=True)] == [True, True]


@pytest.mark.parametrize(("path", "face"), PHOTOGRAPHS)
def test_the_mask_covers_the_person_and_not_the_wall_above(path, face):
    picture = pixels(path)
    mask = person_mask(picture)
    assert mask.shape == picture.shape[:2] and mask.min() >= 0 and mask.max() <= 1
    body = mask[face.bottom + 60 : face.bottom + 140, face.left : face.right]
    assert mask[face.top : face.bottom, face.left : face.right].mean() > 0.9 and body.mean() > 0.9
    assert max(mask[0, 0], mask[0, -1], mask[30, 30], mask[30, -30]) < 0.05
    found = person_box(picture)
    assert found is not None and found.left < face.left - 50 and found.right > face.right + 50
    assert 0 <= found.top < face.top and found.bottom == picture.shape[0]


def test_where_nobody_is_nobody_is_found():
    picture = pixels(coffee())
    assert faces(picture) == [] and person_box(picture) is None and text_boxes(picture) == []


def test_text_is_found_where_it_was_written():
    picture = Image.open(coffee()).convert("RGB")
    where = (310, 340)
    font = ImageFont.load_default(24)
    ImageDraw.Draw(picture).text(where, "some words 1984", font=font, fill="white")
    written = Box(*(round(one) for one in ImageDraw.Draw(picture).textbbox(where, "some words 1984", font=font)))
    found = text_boxes(np.array(picture))
    assert [overlap(one, written) >= 0.5 for one in found] == [True]


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 300), (40, 2000)])
def test_pictures_of_odd_sizes_are_looked_at(size):
    picture = np.full((size[1], size[0], 3), 200, np.uint8)
    assert faces(picture) == [] and person_box(picture) is None and text_boxes(picture) == []
    assert person_mask(picture).shape == picture.shape[:2]

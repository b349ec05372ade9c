"""Boxes on pictures: what a page sends becomes boxes within them, and those stay on their pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.pictures import noise_image, turn_by_exif
from train_core.config.problems import UserError
from train_core.studio import stored_pixels
from train_core.studio.boxes import Box, Boxed, as_text, checked, from_text, snapped, stored, upright
from train_core.studio.dataset import dataset_of
from train_core.studio.proposing import proposed
from train_core.studio.studio import Studio
from train_core.studio.vision.box import Box as Rectangle
from train_core.studio.vision.found import Found

ORIENTATION = 0x0112
KEYS = ["name", "left", "top", "right", "bottom", "minus", "how", "snap", "caption", "boxes", "size", "pixels"]
sides = st.integers(1, 3000)
places = st.integers(-200, 3200)
snaps = st.sampled_from(["", "64", "1:1", "2:3", "16:9", "99:1", "1:99"])


@given(width=sides, height=sides, place=st.tuples(places, places, places, places), snap=snaps)
def test_a_box_lies_within_its_picture_and_is_as_it_was_asked_to_be(width, height, place, snap):
    box = snapped(Box("face", *place, snap=snap), width, height)
    assert 0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height
    across, down = box.size
    if snap == "64":
        assert across % 64 == 0 or width < 64
        assert down % 64 == 0 or height < 64
    elif snap == "":
        assert across >= min(64, width) and down >= min(64, height)
    elif snap in ("1:1", "2:3") and min(width, height) >= 128:
        assert abs(across / down - {"1:1": 1, "2:3": 2 / 3}[snap]) < 0.02
    again = snapped(box, width, height)
    assert snapped(again, width, height) == again


@given(turn=st.integers(1, 8), data=st.data())
def test_a_stored_box_shows_the_same_pixels_on_the_upright_picture(turn, data):
    width, height = data.draw(st.integers(2, 40)), data.draw(st.integers(2, 40))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    pixels = np.arange(width * height, dtype=np.int32).reshape(height, width)
    image = Image.fromarray(pixels, "I")
    image.getexif()[ORIENTATION] = turn
    seen = np.asarray(ImageOps.exif_transpose(image))
    box = upright(Box("face", left, top, right, bottom), (width, height), turn)
    part = seen[box.top : box.bottom, box.left : box.right]
    assert sorted(part.ravel()) == sorted(pixels[top:bottom, left:right].ravel())
    assert stored(box, (width, height), turn) == Box("face", left, top, right, bottom)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner)))
def test_whatever_comes_in_is_boxes_or_refused(anything):
    try:
        checked(anything, 100, 200)
    except UserError as error:
        assert [one.code for one in error.problems] == ["studio_boxes"]
    from_text(json.dumps(anything, default=str))
    from_text(str(anything))


def test_what_is_written_is_read_again():
    boxes = (Box("face", 1, 2, 65, 66), Box("body 身", 0, 0, 100, 200, "face", "mask", "64", 'no "face"'))
    kept = Boxed("ab", (100, 200), boxes)
    assert from_text(as_text(kept)) == kept


@pytest.mark.parametrize(
    "rows",
    [[{"name": ""}], [{"name": " face"}], [{"name": "a\nb"}], [{"name": "a", "minus": "b"}],
     [{"name": "a", "minus": "a"}], [{"name": f"{number}"} for number in range(21)]],
)  # fmt: skip
def test_boxes_without_names_or_less_what_is_not_there_are_refused(rows):
    with pytest.raises(UserError):
        checked(rows, 640, 640)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    source = tmp_path / "pictures"
    source.mkdir()
    noise_image((320, 192), 1).save(source / "one.jpg", quality=95)
    noise_image((320, 192), 2).save(source / "two.png")
    return source


def by_name(studio: Studio, name: str) -> int:
    return next(id for id, picture in studio.pictures.items() if picture.path.name == name)


ROW = {"name": "face", "left": 10, "top": 20, "right": 90, "bottom": 110}


def test_boxes_are_decisions_that_are_undone_and_survive_a_restart(folder: Path):
    studio = Studio(dataset_of(folder))
    one = by_name(studio, "one.jpg")
    studio.put_boxes(one, [ROW])
    studio.put_boxes(one, [ROW, {**ROW, "name": "body", "right": 320, "minus": "face"}])
    again = Studio(studio.dataset)
    assert [box.name for box in again.boxes(one)] == ["face", "body"]
    assert again.facts[one].boxes == {"face", "body"}
    again.undo()
    assert [box.name for box in again.boxes(one)] == ["face"]
    again.undo()
    assert again.boxes(one) == () and again.facts[one].boxes == frozenset()
    again.redo()
    assert again.boxes(one) == (Box("face", 10, 20, 90, 110),)


@pytest.mark.parametrize("turn", range(2, 9))
def test_boxes_stay_on_their_pixels_when_another_program_turns_the_picture_by_exif(folder: Path, turn: int):
    path = folder / "two.png"
    studio = Studio(dataset_of(folder))
    studio.put_boxes(by_name(studio, "two.png"), [ROW])
    before = np.asarray(Image.open(path))[20:110, 10:90]
    turn_by_exif(path, turn)
    studio.look()
    two = by_name(studio, "two.png")
    [box] = studio.boxes(two)
    seen = np.asarray(ImageOps.exif_transpose(Image.open(path)))[box.top : box.bottom, box.left : box.right]
    assert sorted(map(tuple, seen.reshape(-1, 3))) == sorted(map(tuple, before.reshape(-1, 3)))
    assert studio.facts[two].boxes == {"face"}
    studio.put_boxes(two, [])
    studio.look()
    assert studio.boxes(two) == () and studio.facts[two].boxes == frozenset()
    studio.undo()
    assert [one.name for one in studio.boxes(two)] == ["face"]


def test_a_picture_that_is_deleted_does_not_have_the_others_decoded_at_every_look(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    studio = Studio(dataset_of(folder))
    studio.put_boxes(by_name(studio, "two.png"), [ROW])
    (folder / "two.png").unlink()
    decoded: list[str] = []
    pixels_of = stored_pixels.pixels_of
    monkeypatch.setattr(stored_pixels, "pixels_of", lambda path: decoded.append(path.name) or pixels_of(path))
    for _ in range(3):
        studio.look()
        Studio(studio.dataset)
    assert decoded == ["one.jpg"]


def test_boxes_of_a_turned_picture_go_when_the_one_before_is_there_again(folder: Path):
    path = folder / "two.png"
    studio = Studio(dataset_of(folder))
    studio.put_boxes(by_name(studio, "two.png"), [ROW])
    before = path.read_bytes()
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    with Image.open(path) as image:
        image.save(path, exif=exif)
    studio.look()
    assert studio.facts[by_name(studio, "two.png")].boxes == {"face"}
    (folder / "three.png").write_bytes(before)
    studio.look()
    for name in ("two.png", "three.png"):
        id = by_name(studio, name)
        assert studio.facts[id].boxes == {box.name for box in studio.boxes(id)}


def test_a_face_and_a_body_without_it_are_proposed_once():
    found = Found((Rectangle(100, 100, 200, 220),), Rectangle(40, 60, 400, 620), (), frozenset({"faces", "person"}))
    face, body = checked(proposed(found, (640, 640), "64", ()), 640, 640)
    assert (face.name, body.name, body.minus) == ("face", "body", "face")
    assert face.left <= 100 and face.top <= 100 and face.right >= 200 and face.bottom >= 220
    assert all(side % 64 == 0 for box in (face, body) for side in box.size)
    assert proposed(found, (640, 640), "64", (face, body)) == []
    assert proposed(Found(), (640, 640), "", ()) == []

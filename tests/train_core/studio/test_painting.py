"""Painting on pictures: what a page sends becomes strokes that stay on their pixels, and the export applies them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.pictures import noise_image, orientation_entry, turn_by_exif
from train_core.config.image_settings import DataSettings
from train_core.config.problems import UserError
from train_core.facts.datasets.dataset_files import read_dataset_file
from train_core.studio.dataset import BoxKind, dataset_of
from train_core.studio.exporting.export import export
from train_core.studio.exporting.plan import Plan
from train_core.studio.listing import Listing
from train_core.studio.painting import (
    Painted,
    Stroke,
    as_text,
    checked,
    from_text,
    layers,
    stored_strokes,
    upright_strokes,
)
from train_core.studio.studio import Studio

ORIENTATION = 0x0112
SIZE = (96, 64)
KEYS = ["what", "radius", "points", "strokes", "size", "pixels", "fill", "mask"]
spots = st.tuples(st.integers(-10, 110), st.integers(-10, 80))
kinds = st.sampled_from(["fill", "inpaint", "mask"])
brushed = st.builds(Stroke, kinds, st.integers(1, 20), st.lists(spots, min_size=1, max_size=4).map(tuple))
strokes = brushed | st.builds(Stroke, kinds, st.just(0), st.lists(spots, min_size=3, max_size=6).map(tuple))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner)))
def test_whatever_comes_in_is_strokes_or_nothing(anything):
    checked(anything, 100, 200)
    from_text(json.dumps(anything, default=str))
    from_text(str(anything))


@given(st.lists(strokes, max_size=4).map(tuple), st.integers(1, 8))
def test_strokes_are_kept_and_lie_as_they_lay_when_the_picture_is_turned(its, turn):
    painted = Painted("ab", SIZE, its)
    assert from_text(as_text(painted)) == painted
    assert stored_strokes(upright_strokes(painted, turn), SIZE, turn) == its


@given(strokes, st.integers(1, 8))
def test_the_same_pixels_are_painted_however_the_picture_is_turned(stroke, turn):
    painted = Painted("", SIZE, (stroke,))
    straight, turned = layers(painted, 1), layers(painted, turn)
    image = Image.fromarray(getattr(straight, stroke.what).astype(np.uint8) * 255)
    image.getexif()[ORIENTATION] = turn
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(image)) > 0, getattr(turned, stroke.what))


def test_too_many_strokes_are_refused_and_those_beside_the_picture_forgotten():
    row = {"what": "fill", "radius": 5, "points": [[10, 10]]}
    assert len(checked([row, {**row, "points": [[500, 10]]}, {**row, "radius": 0}], *SIZE)) == 1
    for rows in ([row] * 301, [{**row, "points": [[1, 1]] * 20_001}]):
        with pytest.raises(UserError) as refused:
            checked(rows, *SIZE)
        assert [one.code for one in refused.value.problems] == ["studio_painted"]


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """Two pictures of noise, the first one a JPEG that lies on its side."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    source = tmp_path / "pictures"
    source.mkdir()
    noise_image((320, 200), 1).save(source / "one.jpg", exif=orientation_entry(6))
    noise_image((200, 320), 2).save(source / "two.png")
    return Studio(dataset_of(source))


def one_of(studio: Studio, name: str) -> int:
    return next(id for id, picture in studio.pictures.items() if picture.path.name == name)


DAB = {"what": "fill", "radius": 10, "points": [[50, 60], [90, 60]]}
LASSO = {"what": "inpaint", "radius": 0, "points": [[100, 200], [150, 200], [150, 260], [100, 260]]}
UNLEARNT = {"what": "mask", "radius": 0, "points": [[0, 280], [199, 280], [199, 319], [0, 319]]}


def test_paint_is_a_decision_that_is_undone_and_survives_a_restart(studio: Studio):
    one = one_of(studio, "one.jpg")
    studio.paint(one, [DAB])
    studio.paint(one, [DAB, UNLEARNT])
    studio.put_boxes(one, [{"name": "face", "left": 0, "top": 0, "right": 64, "bottom": 64}])
    again = Studio(studio.dataset)
    found = again.painted(one)
    assert found is not None and upright_strokes(*found)[0].points == ((50, 60), (90, 60))
    assert again.facts[one].painted == {"fill", "mask"} and Listing(again).order("painted") == [one]
    again.undo()
    again.undo()
    assert again.facts[one].painted == {"fill"} and again.boxes(one) == ()
    again.undo()
    assert again.painted(one) is None
    again.redo()
    assert again.facts[one].painted == {"fill"}


@pytest.mark.parametrize("turn", [3, 6, 7])
def test_paint_and_boxes_stay_on_their_pixels_when_the_picture_is_turned_by_exif(studio: Studio, turn: int):
    two = one_of(studio, "two.png")
    path = studio.pictures[two].path
    studio.paint(two, [DAB])
    kept = studio.painted(two)
    assert kept is not None
    before = np.asarray(Image.open(path))[layers(*kept).fill]
    turn_by_exif(path, turn)
    studio.look()
    studio.put_boxes(two, [{"name": "face", "left": 0, "top": 0, "right": 64, "bottom": 64}])
    studio.look()
    moved = studio.painted(two)
    assert moved is not None and len(studio.boxes(two)) == 1
    after = np.asarray(ImageOps.exif_transpose(Image.open(path)))[layers(*moved).fill]
    assert sorted(map(tuple, after)) == sorted(map(tuple, before))
    studio.paint(two, [])
    studio.look()
    assert studio.painted(two) is None


def test_the_export_erases_masks_and_leaves_every_other_pixel(studio: Studio, tmp_path: Path):
    one, two = one_of(studio, "one.jpg"), one_of(studio, "two.png")
    studio.paint(one, [DAB, LASSO, UNLEARNT])
    studio.put_boxes(one, [{"name": "part", "left": 0, "top": 200, "right": 200, "bottom": 320, "snap": ""}])
    done = export(studio, [one, two], Plan(tmp_path / "out", "zuko", 7, boxes=True))
    assert done.left == () and done.trained == 3 and done.masks is not None
    kept = studio.painted(one)
    assert kept is not None
    paint = layers(*kept)
    before = np.asarray(ImageOps.exif_transpose(Image.open(studio.pictures[one].path)))
    after = np.asarray(Image.open(tmp_path / "out" / "train" / "7_zuko" / "one.png"))
    erased = paint.fill | paint.inpaint
    assert np.array_equal(after[~erased], before[~erased])
    assert (after[erased] != before[erased]).any(axis=1).mean() > 0.9
    assert len(np.unique(after[paint.fill], axis=0)) == 1
    assert (tmp_path / "out" / "train" / "7_zuko" / "two.png").read_bytes() == studio.pictures[two].path.read_bytes()
    mask = np.asarray(Image.open(done.masks / "7_zuko" / "one.png"))
    assert np.array_equal(mask == 0, paint.mask) and set(np.unique(mask)) == {0, 255}
    assert np.asarray(Image.open(done.masks / "7_zuko" / "two.png")).min() == 255
    cut = np.asarray(Image.open(done.masks / "40_part" / "one_part.png"))
    assert np.array_equal(cut == 0, paint.mask[200:320])
    part = np.asarray(Image.open(tmp_path / "out" / "train" / "40_part" / "one_part.png"))
    assert np.array_equal(part, after[200:320])
    described = read_dataset_file(tmp_path / "out" / "dataset.toml", DataSettings())
    assert described.problems == ()
    files = json.loads((tmp_path / "out" / "manifest.json").read_text())["files"]
    assert files["train/7_zuko/one.png"]["operations"] == ["erase", "fill", "inpaint"]
    studio.paint(one, [])
    again = export(studio, [one, two], Plan(tmp_path / "out", "zuko", 7, boxes=True))
    assert again.masks is None and (tmp_path / "out" / "train" / "7_zuko" / "one.jpg").exists()


def test_a_mask_of_a_box_and_a_painted_one_are_combined_and_both_filled_for_regularisation(
    studio: Studio, tmp_path: Path
):
    two = one_of(studio, "two.png")
    rows = [
        {"name": "face", "left": 0, "top": 0, "right": 64, "bottom": 64},
        {"name": "body", "left": 0, "top": 0, "right": 200, "bottom": 320, "minus": "face", "how": "mask"},
    ]
    studio.put_boxes(two, rows)
    studio.paint(two, [UNLEARNT])
    plan = Plan(tmp_path / "out", "zuko", 7, boxes=True, whole=False)
    done = export(studio, [two], plan)
    assert done.masks is not None
    kept = studio.painted(two)
    assert kept is not None
    expected = layers(*kept).mask.copy()
    expected[:64, :64] = True
    assert np.array_equal(np.asarray(Image.open(done.masks / "40_body" / "two_body.png")) == 0, expected)
    before = np.asarray(Image.open(studio.pictures[two].path))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out/train/40_body/two_body.png")), before)
    studio.set_box_kinds([BoxKind("body", 1, "reg"), BoxKind("face", 1, "reg")])
    assert export(studio, [two], plan).masks is None
    after = np.asarray(Image.open(tmp_path / "out/reg/1_body/two_body.png"))
    assert np.array_equal(after[~expected], before[~expected])
    assert (after[expected] != before[expected]).any(axis=1).mean() > 0.9

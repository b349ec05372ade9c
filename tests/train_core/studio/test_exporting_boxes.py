"""Export of boxes: each name into its own folder, with captions and masks, cut from the upright picture."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.pictures import noise_image, orientation_entry
from train_core.config.image_settings import DataSettings
from train_core.config.problems import UserError
from train_core.facts.datasets.dataset_files import read_dataset_file
from train_core.facts.datasets.folders import look
from train_core.facts.datasets.mask_files import Masked, survey_masks
from train_core.facts.images.image_files import image_size
from train_core.studio.dataset import BoxKind, dataset_of
from train_core.studio.exporting.export import export
from train_core.studio.exporting.plan import Plan
from train_core.studio.studio import Studio

FACE = {"name": "face", "left": 200, "top": 100, "right": 460, "bottom": 350, "snap": "64", "caption": "zuko, smile"}
BODY = {"name": "body", "left": 100, "top": 60, "right": 700, "bottom": 1000, "snap": "64", "minus": "face"}
FIVE = [
    FACE, {**BODY, "how": "mask"},
    {"name": "clothes", "left": 150, "top": 350, "right": 650, "bottom": 800, "snap": "1:1"},
    {"name": "shoes", "left": 250, "top": 850, "right": 500, "bottom": 1000, "snap": "64"},
    {"name": "whole", "left": 0, "top": 0, "right": 768, "bottom": 1024},
]  # fmt: skip


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """Two photographs, the first of them lying on its side and turned by its EXIF entry."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    source = tmp_path / "pictures"
    source.mkdir()
    noise_image((1024, 768), 1).save(source / "one.jpg", exif=orientation_entry(6))
    (source / "one.txt").write_text("zuko, full body", encoding="utf-8")
    noise_image((512, 512), 2).save(source / "two.png")
    (source / "two.txt").write_text("zuko, portrait", encoding="utf-8")
    return Studio(dataset_of(source))


def one_of(studio: Studio, name: str = "one.jpg") -> int:
    return next(id for id, picture in studio.pictures.items() if picture.path.name == name)


def test_five_boxes_of_a_turned_photograph_become_five_folders(studio: Studio, tmp_path: Path):
    one = one_of(studio)
    studio.put_boxes(one, FIVE)
    studio.set_box_kinds([BoxKind("face", 5), BoxKind("shoes", 3, "reg"), BoxKind("body", 0, "train", "zuko body")])
    done = export(studio, list(studio.pictures), Plan(tmp_path / "out", "zuko", 7, boxes=True))
    assert (done.trained, done.held_out, done.regular, done.left) == (6, 0, 1, ())
    assert sorted(path.name for path in (tmp_path / "out" / "train").iterdir()) == [
        "40_clothes", "40_whole", "40_zuko body", "5_face", "7_zuko",
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "out" / "reg").iterdir()] == ["3_shoes"]
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "pictures" / "one.jpg")))
    [face] = (box for box in studio.boxes(one) if box.name == "face")
    assert face.size == (256, 256)
    cut = np.asarray(Image.open(tmp_path / "out" / "train" / "5_face" / "one_face.png"))
    assert np.array_equal(cut, upright[face.top : face.bottom, face.left : face.right])
    captions = {path.name: path.read_text() for path in (tmp_path / "out").rglob("*.txt")}
    assert captions["one_face.txt"] == "zuko, smile"
    assert captions["one_shoes.txt"] == captions["one.txt"] == "zuko, full body"
    for path in (tmp_path / "out").rglob("one_*.png"):
        width, height = image_size(path)
        name = path.stem.removeprefix("one_")
        assert name in ("whole", "clothes") or (width % 64, height % 64) == (0, 0)
        assert name != "clothes" or width == height


def test_what_is_masked_out_of_a_box_is_black_in_its_mask_and_all_others_have_white_ones(
    studio: Studio, tmp_path: Path
):
    one = one_of(studio)
    studio.put_boxes(one, FIVE)
    done = export(studio, list(studio.pictures), Plan(tmp_path / "out", "zuko", 7, boxes=True))
    assert done.masks is not None
    face, body = studio.boxes(one)[:2]
    mask = np.asarray(Image.open(done.masks / "40_body" / "one_body.png"))
    expected = np.full(body.size[::-1], 255)
    expected[face.top - body.top : face.bottom - body.top, face.left - body.left : face.right - body.left] = 0
    assert np.array_equal(mask, expected)
    found = look(done.train, ".txt")
    images = [image for folder in found.folders for image in folder.images]
    surveyed = survey_masks([Masked(one.path, image_size(one.path), True) for one in images], str(done.masks))
    assert (found.problems, surveyed.problems, surveyed.warnings) == ((), (), ())
    assert len(surveyed.files) == len(images) == 7
    white = [path for path in done.masks.rglob("*.png") if np.asarray(Image.open(path)).min() == 255]
    assert len(white) == 6
    described = read_dataset_file(tmp_path / "out" / "dataset.toml", DataSettings())
    assert described.problems == () and len(described.subsets) == 6


def test_what_is_filled_out_of_a_box_is_one_colour_and_the_rest_as_it_was(studio: Studio, tmp_path: Path):
    one = one_of(studio)
    studio.put_boxes(one, [FACE, BODY])
    done = export(studio, [one], Plan(tmp_path / "out", "zuko", 7, boxes=True, whole=False))
    assert (done.trained, done.masks) == (2, None)
    face, body = studio.boxes(one)
    cut = np.asarray(Image.open(tmp_path / "out" / "train" / "40_body" / "one_body.png"))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "pictures" / "one.jpg")))
    inside = np.zeros(cut.shape[:2], dtype=bool)
    inside[face.top - body.top : face.bottom - body.top, face.left - body.left : face.right - body.left] = True
    assert len(np.unique(cut[inside], axis=0)) == 1
    assert np.array_equal(cut[~inside], upright[body.top : body.bottom, body.left : body.right][~inside])
    files = json.loads((tmp_path / "out" / "manifest.json").read_text())["files"]
    operations = files["train/40_body/one_body.png"]["operations"]
    assert operations[0].startswith("box ") and operations[1].startswith("fill ")


def test_a_picture_is_not_trained_on_and_regularisation_as_well(studio: Studio, tmp_path: Path):
    studio.put_boxes(one_of(studio), [FACE, {**FIVE[4]}])
    studio.set_box_kinds([BoxKind("face"), BoxKind("whole", 1, "reg")])
    with pytest.raises(UserError) as refused:
        export(studio, list(studio.pictures), Plan(tmp_path / "out", "zuko", 7, boxes=True))
    assert [one.code for one in refused.value.problems] == ["export_both"]
    assert not (tmp_path / "out").exists()


def test_a_picture_may_be_in_two_regularisation_folders(studio: Studio, tmp_path: Path):
    studio.put_boxes(one_of(studio), [FIVE[4], {**FIVE[4], "name": "person"}])
    studio.set_box_kinds([BoxKind("whole", 1, "reg"), BoxKind("person", 1, "reg", "a person")])
    done = export(studio, list(studio.pictures), Plan(tmp_path / "out", "zuko", 7, boxes=True, whole=False))
    assert (done.trained, done.regular) == (0, 2)
    assert sorted(path.name for path in (tmp_path / "out" / "reg").iterdir()) == ["1_a person", "1_whole"]
    [subset, _] = tomllib.loads((tmp_path / "out" / "dataset.toml").read_text())["datasets"][0]["subsets"]
    assert subset["is_reg"] is True


def test_boxes_of_a_held_out_picture_are_held_out_as_well(studio: Studio, tmp_path: Path):
    for id in studio.pictures:
        studio.put_boxes(id, [FACE, {**BODY, "minus": ""}])
    studio.set_box_kinds([BoxKind("face"), BoxKind("body", 1, "reg")])
    done = export(studio, list(studio.pictures), Plan(tmp_path / "out", "zuko", 7, held_out=1, boxes=True))
    assert (done.trained, done.held_out, done.regular) == (2, 2, 1)
    trained = {path.name[:3] for path in (tmp_path / "out" / "train").rglob("*.*")}
    held = {path.name[:3] for path in (tmp_path / "out" / "validation").rglob("*.*")}
    assert trained and held and not trained & held


def test_without_a_box_nothing_but_boxes_is_refused(studio: Studio, tmp_path: Path):
    with pytest.raises(UserError) as refused:
        export(studio, list(studio.pictures), Plan(tmp_path / "out", "zuko", 7, boxes=True, whole=False))
    assert [one.code for one in refused.value.problems] == ["export_no_boxes"]


def test_boxes_taken_away_later_are_removed_from_the_export(studio: Studio, tmp_path: Path):
    one, plan = one_of(studio), Plan(tmp_path / "out", "zuko", 7, boxes=True)
    studio.put_boxes(one, FIVE)
    export(studio, list(studio.pictures), plan)
    studio.put_boxes(one, [FACE])
    done = export(studio, list(studio.pictures), plan)
    assert sorted(path.name for path in (tmp_path / "out" / "train").iterdir()) == ["40_face", "7_zuko"]
    assert not (tmp_path / "out" / "masks").exists() and done.masks is None


@pytest.mark.parametrize("name", ["../../out of here", "a/b", "nul"])
def test_a_box_of_no_kind_whose_name_no_folder_can_have_is_refused(studio: Studio, tmp_path: Path, name: str):
    studio.put_boxes(one_of(studio), [{**FACE, "name": name}])
    before = sorted(tmp_path.rglob("*.png"))
    with pytest.raises(UserError, match="cannot be"):
        export(studio, list(studio.pictures), Plan(tmp_path / "out", "zuko", 7, boxes=True))
    assert sorted(tmp_path.rglob("*.png")) == before


def test_boxes_of_one_kind_go_into_one_folder_however_their_names_are_written(studio: Studio, tmp_path: Path):
    studio.put_boxes(one_of(studio), [FACE])
    studio.put_boxes(one_of(studio, "two.png"), [{**FACE, "name": "Face"}])
    export(studio, list(studio.pictures), Plan(tmp_path / "out", "zuko", 7, whole=False, boxes=True))
    (folder,) = (tmp_path / "out" / "train").iterdir()
    assert folder.name.endswith("_face") and len(list(folder.glob("*.png"))) == 2

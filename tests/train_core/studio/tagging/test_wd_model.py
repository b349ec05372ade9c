"""What a tagger is shown: blue first, 0 to 255, on white, square, bicubic; its scores, whatever its layout."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import noise_image
from tests.taggers import BLUE, GREEN, RED, Tag, write_tagger, write_tags
from train_core.config.problems import UserError
from train_core.studio.tagging.wd_files import read_tagger
from train_core.studio.tagging.wd_model import Floats, WdModel, pixels

SIDE = 8
EVERYTHING = [Tag(f"{place}", *place) for place in product(range(SIDE), range(SIDE), range(3))]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


def model(folder: Path) -> WdModel:
    return WdModel(read_tagger(folder))


def saved(tmp_path: Path, picture: Image.Image, name: str = "picture.png") -> Path:
    path = tmp_path / name
    picture.save(path)
    return path


def shown(tmp_path: Path, picture: Image.Image) -> Floats:
    """What a tagger sees of the picture, told by its outputs: (side, side, 3) in 0..255, as its channels are."""
    its = model(write_tagger(tmp_path / "wd", EVERYTHING))
    path = saved(tmp_path, picture)
    return its.scores(pixels(path, its.side)[None], 1).reshape(SIDE, SIDE, 3) * 255


def test_channels_come_blue_first_and_from_0_to_255(tmp_path: Path) -> None:
    picture = Image.new("RGB", (SIDE, SIDE), (250, 120, 30))
    picture.putpixel((SIDE - 1, 0), (1, 2, 3))
    seen = shown(tmp_path, picture)
    assert seen[0, 0, [BLUE, GREEN, RED]] == pytest.approx([30, 120, 250], abs=1e-3)
    assert seen[0, SIDE - 1] == pytest.approx([3, 2, 1], abs=1e-3)


def test_a_picture_that_is_not_square_lies_in_the_middle_of_a_white_one(tmp_path: Path) -> None:
    wide = shown(tmp_path, Image.new("RGB", (SIDE, 4), "black"))
    assert (wide[:2] == 255).all() and (wide[6:] == 255).all() and (wide[2:6] == 0).all()
    high = shown(tmp_path, Image.new("RGB", (4, SIDE), "black"))
    assert (high[:, :2] == 255).all() and (high[:, 6:] == 255).all() and (high[:, 2:6] == 0).all()


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    picture.putpixel((3, 4), (10, 20, 30, 255))
    picture.putpixel((0, 0), (0, 0, 0, 128))
    seen = shown(tmp_path, picture)
    assert seen[4, 3] == pytest.approx([30, 20, 10], abs=1e-3)
    assert seen[0, 0] == pytest.approx([127, 127, 127], abs=1.01)
    assert (seen[1] == 255).all()


@pytest.mark.parametrize("size", [(37, 37), (3, 3), (40, 20)])
def test_it_is_scaled_bicubically_to_the_models_own_size(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = noise_image(size)
    square = Image.new("RGB", (max(size), max(size)), "white")
    square.paste(picture, ((max(size) - size[0]) // 2, (max(size) - size[1]) // 2))
    seen = shown(tmp_path, picture)
    bicubic, bilinear = (
        np.asarray(square.resize((SIDE, SIDE), way), np.float32)[:, :, ::-1]
        for way in (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)
    )
    assert seen == pytest.approx(bicubic, abs=1e-3)
    assert np.abs(seen - bilinear).max() > 2


@pytest.mark.parametrize("batch", ["batch", 1, 4, 3])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("logits", [True, False])
def test_scores_are_the_same_for_every_batch_layout_and_kind_of_output(
    tmp_path: Path, batch: int | str, channels_last: bool, logits: bool
) -> None:
    folder = write_tagger(tmp_path / "wd", EVERYTHING, SIDE, batch, channels_last, logits)
    its = model(folder)
    pictures = np.stack([pixels(saved(tmp_path, noise_image((9, 7), n), f"{n}.png"), SIDE) for n in range(5)])
    four, one = its.scores(pictures, 4), its.scores(pictures, 1)
    alone = np.concatenate([its.scores(picture[None], 4) for picture in pictures])
    np.testing.assert_array_equal(four, one)
    np.testing.assert_array_equal(four, alone)
    share = pictures.reshape(5, -1) / 255
    expected = 1 / (1 + np.exp(-8 * (share - 0.5))) if logits else share
    assert four == pytest.approx(expected, abs=1e-5)


def test_a_picture_whose_logits_all_lie_between_0_and_1_is_no_other_than_the_rest(tmp_path: Path) -> None:
    its = model(write_tagger(tmp_path / "wd", EVERYTHING, SIDE, logits=True))
    grey = pixels(saved(tmp_path, Image.new("RGB", (SIDE, SIDE), (140, 140, 140))), SIDE)
    assert its.scores(grey[None], 1) == pytest.approx(1 / (1 + np.exp(-8 * (140 / 255 - 0.5))), abs=1e-5)


def test_a_model_in_half_precision_is_given_what_it_takes(tmp_path: Path) -> None:
    its = model(write_tagger(tmp_path / "wd", EVERYTHING, SIDE, half=True))
    picture = pixels(saved(tmp_path, noise_image((SIDE, SIDE))), SIDE)
    assert its.scores(picture[None], 1) == pytest.approx(picture.reshape(1, -1) / 255, abs=1e-3)


def test_a_model_and_a_list_that_do_not_belong_together_are_told(tmp_path: Path) -> None:
    folder = write_tagger(tmp_path / "wd", EVERYTHING, SIDE)
    write_tags(folder, EVERYTHING[:-1], ("name", "category"))
    assert refused(folder) == "tagger_count"


@pytest.mark.parametrize("sides", [(SIDE, SIDE + 1), (SIDE, "any")])
def test_a_model_that_takes_no_square_picture_is_told(tmp_path: Path, sides: tuple[int | str, int | str]) -> None:
    assert refused(write_tagger(tmp_path / "wd", [Tag("a")], SIDE, declared=sides)) == "tagger_shape"


def test_a_model_of_any_size_gets_the_usual_one(tmp_path: Path) -> None:
    its = model(write_tagger(tmp_path / "wd", [Tag("a", 447, 447, RED)], 448, declared=("height", "width")))
    assert its.side == 448
    red = pixels(saved(tmp_path, Image.new("RGB", (3, 3), (51, 0, 0))), its.side)
    assert its.scores(red[None], 1) == pytest.approx(0.2)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 50])
def test_a_broken_model_is_told(tmp_path: Path, content: bytes) -> None:
    folder = write_tagger(tmp_path / "wd", EVERYTHING, SIDE)
    (folder / "model.onnx").write_bytes(content)
    assert refused(folder) == "tagger_broken"


def test_values_that_are_not_numbers_are_told(tmp_path: Path) -> None:
    its = model(write_tagger(tmp_path / "wd", EVERYTHING, SIDE))
    with pytest.raises(UserError, match="not numbers"):
        its.scores(np.full((1, SIDE, SIDE, 3), np.nan, np.float32), 1)


def test_a_picture_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="cannot be read"):
        pixels(tmp_path / "no.png", SIDE)


def refused(folder: Path) -> str:
    """The code of the problem that loading the tagger has; "" for none."""
    try:
        model(folder)
    except UserError as error:
        return error.problems[0].code
    return ""

"""Image files of every kind as training pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.pictures import noise_image
from train_core.config.problems import UserError
from train_core.data.pixels import load_pixels, to_range
from train_core.facts.images.buckets import BucketFit

WHITE = [255, 255, 255]
SIDE = (64, 64)


def load(image: Image.Image, path: Path, **options: object) -> Tensor:
    image.save(path, **options)
    return load_pixels(path, SIDE, BucketFit(SIDE, SIDE, (0, 0)))


def colours(pixels: Tensor) -> list[list[int]]:
    return torch.unique(pixels.flatten(1).T, dim=0).tolist()


def test_pixels_are_channels_rows_columns(tmp_path: Path) -> None:
    image = noise_image(SIDE)
    pixels = load(image, tmp_path / "x.png")
    assert pixels.dtype == torch.uint8
    assert torch.equal(pixels, torch.from_numpy(np.array(image)).permute(2, 0, 1))


def test_the_range_is_minus_one_to_one() -> None:
    assert to_range(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1.0, 1.0]


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", SIDE, (10, 20, 30, 0))
    image.putpixel((0, 0), (10, 20, 30, 255))
    assert colours(load(image, tmp_path / "x.png")) == [[10, 20, 30], WHITE]


def test_half_transparency_is_mixed_with_white(tmp_path: Path) -> None:
    (colour,) = colours(load(Image.new("RGBA", SIDE, (0, 0, 0, 128)), tmp_path / "x.png"))
    assert colour == [127, 127, 127]


def test_transparent_grey_lies_on_white(tmp_path: Path) -> None:
    assert colours(load(Image.new("LA", SIDE, (0, 0)), tmp_path / "x.png")) == [WHITE]


def test_a_transparent_palette_colour_lies_on_white(tmp_path: Path) -> None:
    palette = Image.new("P", SIDE, 0)
    palette.putpalette([9, 9, 9, 50, 60, 70])
    palette.putpixel((5, 5), 1)
    assert colours(load(palette, tmp_path / "x.png", transparency=0)) == [[50, 60, 70], WHITE]


def test_a_palette_without_transparency_keeps_its_colours(tmp_path: Path) -> None:
    palette = Image.new("P", SIDE, 1)
    palette.putpalette([9, 9, 9, 50, 60, 70])
    assert colours(load(palette, tmp_path / "x.png")) == [[50, 60, 70]]


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    values = np.array([[0, 32896], [65535, 257]], dtype=np.uint16).repeat(32, 0).repeat(32, 1)
    assert colours(load(Image.fromarray(values), tmp_path / "x.png")) == [[0] * 3, [1] * 3, [128] * 3, WHITE]


def test_cmyk_and_black_and_white_become_rgb(tmp_path: Path) -> None:
    (colour,) = colours(load(Image.new("CMYK", SIDE, (0, 0, 0, 0)), tmp_path / "x.jpg", quality=100))
    assert min(colour) >= 253
    assert colours(load(Image.new("1", SIDE, 1), tmp_path / "x.bmp")) == [WHITE]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_honoured(tmp_path: Path, orientation: int) -> None:
    """The picture is stored so that the rotation brings its red corner to the top left."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    shown = Image.new("RGB", (64, 128))
    shown.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = shown.transpose(undo[orientation]) if orientation in undo else shown
    stored.save(tmp_path / "x.png", exif=exif)
    pixels = load_pixels(tmp_path / "x.png", (64, 128), BucketFit((64, 128), (64, 128), (0, 0)))
    assert pixels.shape == (3, 128, 64)
    assert pixels[:, 0, 0].tolist() == [255, 0, 0]


def test_shrinking_averages_areas(tmp_path: Path) -> None:
    image = noise_image((128, 128))
    image.save(tmp_path / "x.png")
    pixels = load_pixels(tmp_path / "x.png", (128, 128), BucketFit(SIDE, SIDE, (0, 0)))
    areas = torch.from_numpy(np.array(image)).permute(2, 0, 1).double().unfold(1, 2, 2).unfold(2, 2, 2).mean((3, 4))
    assert (pixels.double() - areas).abs().max() <= 1  # Pillow rounds after each of the two directions


def test_the_crop_is_where_it_should_be(tmp_path: Path) -> None:
    image = noise_image((100, 70))
    image.save(tmp_path / "x.png")
    pixels = load_pixels(tmp_path / "x.png", (100, 70), BucketFit(SIDE, (100, 70), (18, 3)))
    expected = torch.from_numpy(np.array(image))[3:67, 18:82].permute(2, 0, 1)
    assert torch.equal(pixels, expected)


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError) as error:
        load_pixels(path, SIDE, BucketFit(SIDE, SIDE, (0, 0)))
    assert error.value.problems[0].code == "image_unreadable"


def test_an_image_that_changed_its_size_during_the_run_is_named(tmp_path: Path) -> None:
    noise_image((80, 64)).save(tmp_path / "x.png")
    with pytest.raises(UserError) as error:
        load_pixels(tmp_path / "x.png", SIDE, BucketFit(SIDE, SIDE, (0, 0)))
    assert error.value.problems[0].code == "image_changed"

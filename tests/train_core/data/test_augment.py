"""How one draw of an image differs from its file."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import torch
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.image_settings import DataSettings
from train_core.config.sections.augmentation import AugmentationSettings
from train_core.data.augment import ColourShift, Draw, draw_colour, draw_image, shift_colour
from train_core.data.library import Entry
from train_core.facts.images.buckets import BucketFit
from train_core.facts.seeds import seed_for

PIXELS = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
FIT = BucketFit((64, 64), (80, 64), (8, 0))


def entry(**augmentation: object) -> Entry:
    settings = DataSettings(augmentation=AugmentationSettings(**augmentation))
    return Entry(Path("x.png"), "", Path("1_x"), 1, (160, 128), FIT, settings)


def draws(count: int, **augmentation: object) -> list[Draw]:
    one = entry(**augmentation)
    return [draw_image(3, one, lambda purpose, index=index: seed_for(0, 0, index, purpose)) for index in range(count)]


def test_without_augmentation_every_draw_is_the_image_as_it_is() -> None:
    assert set(draws(5)) == {Draw(3, FIT)}


def test_each_option_changes_what_it_is_named_after() -> None:
    assert {draw.flipped for draw in draws(20, flip_aug=True)} == {False, True}
    assert len({draw.fit.crop for draw in draws(40, random_crop=True)}) > 5
    assert len({draw.colour for draw in draws(5, color_aug=True)}) == 5
    assert {draw.colour for draw in draws(5, random_crop=True, flip_aug=True)} == {None}


def test_one_option_does_not_move_the_draws_of_another() -> None:
    alone = draws(10, flip_aug=True)
    together = draws(10, flip_aug=True, random_crop=True, color_aug=True)
    assert [draw.flipped for draw in alone] == [draw.flipped for draw in together]


def test_the_crop_of_a_mirrored_image_counts_from_the_other_side() -> None:
    assert Draw(0, FIT).crop == (8, 0)
    fit = BucketFit((64, 64), (80, 64), (3, 0))
    assert Draw(0, fit, flipped=True).crop == (13, 0)


def test_no_shift_changes_no_pixel() -> None:
    assert torch.equal(shift_colour(PIXELS, ColourShift()), PIXELS)


@given(st.integers(0, 255), st.floats(-math.pi, math.pi), st.floats(0, 2))
def test_greys_keep_their_place_when_hue_and_saturation_change(level: int, hue: float, saturation: float) -> None:
    grey = torch.full((3, 1, 1), level, dtype=torch.uint8)
    shifted = shift_colour(grey, ColourShift(hue=hue, saturation=saturation))
    assert (shifted.int() - level).abs().max() <= 1


def test_hue_turns_red_towards_green_and_blue_towards_red() -> None:
    """Channels are read as red, green, blue: in the other order the turn would go the other way round."""
    red, blue = torch.tensor([200, 50, 50]), torch.tensor([50, 50, 200])

    def turned(colour: torch.Tensor, degrees: float) -> list[int]:
        shift = ColourShift(hue=math.radians(degrees))
        return shift_colour(colour.to(torch.uint8).view(3, 1, 1), shift).flatten().tolist()

    one, other = turned(red, 15), turned(red, -15)
    assert (one[1] > one[2]) != (other[1] > other[2])
    assert turned(red, 120)[0] < 130
    assert turned(blue, 120)[2] < 130


def test_no_saturation_leaves_the_brightness_of_television() -> None:
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).view(3, 1, 1)
    assert shift_colour(red, ColourShift(saturation=0)).flatten().tolist() == [76] * 3


def test_gamma_works_on_zero_to_one_and_leaves_black_and_white() -> None:
    levels = torch.tensor([0, 64, 128, 255], dtype=torch.uint8).expand(3, 4).view(3, 1, 4)
    shifted = shift_colour(levels, ColourShift(gamma=1.05))
    assert shifted[0].flatten().tolist() == [0, round(255 * (64 / 255) ** 1.05), round(255 * (128 / 255) ** 1.05), 255]


def test_a_drawn_change_is_mild() -> None:
    smooth = torch.linspace(30, 220, 64).to(torch.uint8).expand(3, 1, 64).clone()
    smooth[1] = 128
    for seed in range(50):
        shifted = shift_colour(smooth, draw_colour(Random(seed)))
        assert (shifted.float() - smooth.float()).abs().mean() < 25
    assert not torch.equal(shift_colour(smooth, draw_colour(Random(0))), smooth)

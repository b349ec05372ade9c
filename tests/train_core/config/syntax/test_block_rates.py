"""Factors of U-Net blocks: numbers, curves, offsets, and which block each is of."""

from __future__ import annotations

import math

import pytest

from train_core.config.problems import UserError
from train_core.config.sections.rates import RateSettings
from train_core.config.syntax.block_rates import block_factors, read_factors
from train_core.kinds import SD_LAYOUT, SDXL_LAYOUT, BlockLayout


@pytest.mark.parametrize(("layout", "count"), [(SD_LAYOUT, 25), (SDXL_LAYOUT, 23)])
def test_every_block_has_a_factor_and_without_settings_it_is_one(layout: BlockLayout, count: int) -> None:
    assert block_factors(RateSettings(), layout) == [1.0] * count


def test_down_middle_and_up_follow_each_other_as_the_blocks_are_numbered() -> None:
    rates = RateSettings(down_lr_weight="0.5", mid_lr_weight="0.25", up_lr_weight="0.75")
    sd, sdxl = block_factors(rates, SD_LAYOUT), block_factors(rates, SDXL_LAYOUT)
    assert {place: f for place, f in enumerate(sd) if f != 1} == {0: 0.5, 12: 0.25, 13: 0.75}
    assert {place: f for place, f in enumerate(sdxl) if f != 1} == {1: 0.5, 10: 0.25, 13: 0.75}


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("", [1, 1, 1, 1]),
        ("0.5, 2", [0.5, 2, 1, 1]),
        (",1,,0.5", [0, 1, 0, 0.5]),
        ("linear", [0, 1 / 3, 2 / 3, 1]),
        ("reverse_linear", [1, 2 / 3, 1 / 3, 0]),
        ("sine", [0, math.sin(math.pi / 6), math.sin(math.pi / 3), 1]),
        ("cosine", [1, math.cos(math.pi / 6), math.cos(math.pi / 3), 0]),
        ("zeros + .25", [0.25] * 4),
        ("sine+.2", [0.2, 0.2 + math.sin(math.pi / 6), 0.2 + math.sin(math.pi / 3), 1.2]),
    ],
)
def test_factors_are_numbers_or_a_curve_with_an_offset(text: str, factors: list[float]) -> None:
    assert read_factors(text, 4, "up_lr_weight") == pytest.approx(factors, abs=1e-12)


def test_factors_up_to_the_threshold_are_zero() -> None:
    rates = RateSettings(down_lr_weight="0.1,0.2,0.3", block_lr_zero_threshold=0.2)
    assert block_factors(rates, SD_LAYOUT)[:4] == [0, 0, 0.3, 1]


def test_more_factors_than_blocks_are_not_ignored() -> None:
    rates = RateSettings(down_lr_weight="1,1,1,1,1,1,1,1,1,1,1,1", mid_lr_weight="1,1,1")
    with pytest.raises(UserError) as caught:
        block_factors(rates, SDXL_LAYOUT)
    assert [(found.code, found.params["name"]) for found in caught.value.problems] == [
        ("too_many_block_rates", "down_lr_weight")
    ]


@pytest.mark.parametrize("text", ["quick", "-1", "sine+quick", "1,two", "inf"])
def test_what_is_no_factor_is_told(text: str) -> None:
    with pytest.raises(UserError) as caught:
        read_factors(text, 12, "up_lr_weight")
    assert [found.code for found in caught.value.problems] == ["bad_block_rate"]

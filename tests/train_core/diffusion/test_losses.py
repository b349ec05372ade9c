"""Losses and their thresholds against values worked out by hand, and the limits that give them their names."""

import math
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.loss_recipe import LossRecipe
from train_core.diffusion.losses import absolute, huber, huber_thresholds, smooth_l1, squared

ERRORS = st.floats(-5, 5)


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_by_hand():
    # d = 3, c = 4: sqrt(9 + 16) = 5
    assert squared(number(3.0)) == 9
    assert absolute(number(-3.0)) == 3
    assert huber(number(3.0), number(4.0)) == 2 * 4 * (5 - 4)
    assert smooth_l1(number(3.0), number(4.0)) == 2 * (5 - 4)


@given(ERRORS)
def test_huber_with_a_high_threshold_is_the_squared_loss(d):
    assert huber(number(d), number(1e6)).item() == pytest.approx(d * d, rel=1e-6, abs=1e-12)


@given(ERRORS)
def test_smooth_l1_with_a_low_threshold_is_twice_the_absolute_loss(d):
    assert smooth_l1(number(d), number(1e-9)).item() == pytest.approx(2 * abs(d), rel=1e-6, abs=1e-8)


@given(ERRORS, st.floats(1e-3, 10))
def test_huber_never_exceeds_the_squared_loss_and_is_even(d, c):
    loss = huber(number(d), number(c)).item()
    assert 0 <= loss <= d * d * (1 + 1e-9) + sys.float_info.min  # squares below that are rounded coarsely
    assert loss == huber(number(-d), number(c)).item()


def test_small_errors_in_single_precision_are_not_lost():
    assert huber(torch.tensor(1e-4), torch.tensor(1.0)).item() == pytest.approx(1e-8, rel=1e-5)


# a = 0.8, 0.5 and 0.2: sigma is 1/2, 1 and 2.
ALPHAS = torch.tensor([0.8, 0.5, 0.2])


def thresholds(alphas: torch.Tensor, **settings: object) -> torch.Tensor:
    """The threshold of each level, c being 0.1."""
    return huber_thresholds(DDPM(alphas, "epsilon"), torch.arange(len(alphas)), LossSettings(huber_c=0.1, **settings))


@pytest.mark.parametrize(
    ("schedule", "scale", "expected"),
    [
        ("constant", 1.0, [0.1, 0.1, 0.1]),
        ("constant", 3.0, [0.3, 0.3, 0.3]),
        ("exponential", 1.0, [1.0, 0.1 ** (1 / 3), 0.1 ** (2 / 3)]),
        ("exponential", 3.0, [3.0, 3 * 0.1 ** (1 / 3), 3 * 0.1 ** (2 / 3)]),
        # 0.9 / 1.5^2 + 0.1, 0.9 / 2^2 + 0.1, 0.9 / 3^2 + 0.1
        ("snr", 1.0, [0.5, 0.325, 0.2]),
        ("snr", 3.0, [1.5, 0.975, 0.6]),
    ],
)
def test_thresholds_of_three_levels_with_the_scale_in_every_schedule(schedule, scale, expected):
    torch.testing.assert_close(thresholds(ALPHAS, huber_schedule=schedule, huber_scale=scale), torch.tensor(expected))


def test_pure_noise_has_the_lowest_threshold():
    assert thresholds(torch.tensor([0.5, 0.0]), huber_schedule="snr")[1].item() == pytest.approx(0.1)


def test_a_sample_takes_threshold_and_weight_of_its_own_level():
    # d = 3 everywhere; thresholds 0.5 and 0.2; min-SNR weights 1/4 and 1
    settings = LossSettings(loss_type="huber", min_snr_gamma=1)
    recipe = LossRecipe(settings, DDPM(ALPHAS, "epsilon"))
    losses = recipe.per_sample(torch.full((2, 4, 2, 3), 4.0), torch.ones(2, 4, 2, 3), torch.tensor([0, 2]))
    expected = [2 * 0.5 * (math.sqrt(9.25) - 0.5) / 4, 2 * 0.2 * (math.sqrt(9.04) - 0.2)]
    assert losses.tolist() == pytest.approx(expected)


def test_the_loss_of_half_precision_predictions_is_computed_in_single():
    recipe = LossRecipe(LossSettings(), DDPM(ALPHAS, "epsilon"))
    losses = recipe.per_sample(torch.full((1, 4, 2, 2), 300.0, dtype=torch.float16), torch.zeros(1, 4, 2, 2),
                               torch.tensor([0]))
    assert losses.tolist() == [90000.0]  # beyond what half precision holds


@pytest.mark.parametrize(
    "changed",
    [
        {"loss_type": "l1"}, {"loss_type": "huber"}, {"loss_type": "smooth_l1"}, {"min_snr_gamma": 0.1},
        {"debiased_estimation_loss": True}, {"v_pred_like_loss": 0.5},
    ],
)
def test_every_setting_of_the_loss_changes_it(changed):
    def loss(**settings: object) -> float:
        recipe = LossRecipe(LossSettings(**settings), DDPM(ALPHAS, "epsilon"))
        return recipe.per_sample(torch.full((1, 1, 1, 1), 0.7), torch.zeros(1, 1, 1, 1), torch.tensor([2])).item()

    assert loss(**changed) != pytest.approx(loss(), rel=1e-3)


@pytest.mark.parametrize("kind", ["huber", "smooth_l1"])
@pytest.mark.parametrize("changed", [
    {"huber_c": 0.5}, {"huber_scale": 2.0}, {"huber_schedule": "constant"}, {"huber_schedule": "exponential"},
])
def test_every_setting_of_the_threshold_changes_the_loss(kind, changed):
    def loss(**settings: object) -> float:
        recipe = LossRecipe(LossSettings(loss_type=kind, **settings), DDPM(ALPHAS, "epsilon"))
        return recipe.per_sample(torch.full((1, 1, 1, 1), 0.7), torch.zeros(1, 1, 1, 1), torch.tensor([2])).item()

    assert loss(**changed) != pytest.approx(loss(), rel=1e-3)

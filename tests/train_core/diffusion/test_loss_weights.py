"""Weights of noise levels against values worked out by hand, and what holds for all of them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.sections.loss import LossSettings
from train_core.diffusion import loss_weights as w
from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.schedule import zero_terminal

# a = 0.8, 0.5 and 0.2: snr is 4, 1 and 1/4.
ALPHAS = torch.tensor([0.8, 0.5, 0.2])
SNR = torch.tensor([4.0, 1.0, 0.25])

RATIOS = st.floats(1e-4, 1e4)


@pytest.mark.parametrize(
    ("prediction_type", "settings", "expected"),
    [
        ("epsilon", {}, [1, 1, 1]),
        ("v_prediction", {}, [1, 1, 1]),
        ("epsilon", {"min_snr_gamma": 1}, [1 / 4, 1, 1]),
        ("v_prediction", {"min_snr_gamma": 1}, [1 / 5, 1 / 2, 1 / 5]),
        ("epsilon", {"debiased_estimation_loss": True}, [1 / 2, 1, 2]),
        ("v_prediction", {"debiased_estimation_loss": True}, [1 / 5, 1 / 2, 4 / 5]),
        ("v_prediction", {"scale_v_pred_loss_like_noise_pred": True}, [4 / 5, 1 / 2, 1 / 5]),
        # 1 + 0.1 / 0.8, 1 + 0.1 / 0.5, 1 + 0.1 / 0.2
        ("epsilon", {"v_pred_like_loss": 0.1}, [1.125, 1.2, 1.5]),
        # both at once: their product
        ("epsilon", {"min_snr_gamma": 1, "v_pred_like_loss": 0.1}, [1.125 / 4, 1.2, 1.5]),
    ],
)
def test_weights_of_three_levels(prediction_type, settings, expected):
    found = w.level_weights(ALPHAS, prediction_type, LossSettings(**settings))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))


def test_signal_to_noise_ratio():
    torch.testing.assert_close(w.snr(ALPHAS), SNR)


def test_the_cleanest_levels_are_weighted_as_if_they_had_a_little_noise():
    clean = torch.tensor([1e6])
    assert w.debiased_epsilon(clean).item() == pytest.approx(1000**-0.5)
    assert w.debiased_velocity(clean).item() == pytest.approx(1 / 1001)
    assert w.like_noise_prediction(clean).item() == pytest.approx(1000 / 1001)


@given(RATIOS, st.floats(0.01, 100))
def test_min_snr_never_raises_a_level(ratio, gamma):
    levels = torch.tensor([ratio])
    assert 0 < w.min_snr_epsilon(levels, gamma).item() <= 1
    assert 0 < w.min_snr_velocity(levels, gamma).item() < 1


@given(RATIOS, st.floats(0.01, 100))
def test_min_snr_asks_the_same_of_both_kinds_of_model(ratio, gamma):
    # An error in velocity is worth a = snr / (snr + 1) of itself in noise.
    levels = torch.tensor([ratio], dtype=torch.float64)
    as_noise = w.min_snr_epsilon(levels, gamma) * levels / (levels + 1)
    torch.testing.assert_close(w.min_snr_velocity(levels, gamma), as_noise)


def test_scaling_makes_a_velocity_loss_the_noise_loss():
    process, t = DDPM(ALPHAS.double(), "v_prediction"), torch.tensor([0, 1, 2])
    a = ALPHAS.double().float().view(-1, 1, 1, 1)
    latents, noise, guess = (torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(n)) for n in range(3))
    noisy, velocity = process.add_noise(latents, noise, t), process.target(latents, noise, t)
    guessed_velocity = a.sqrt() * guess - (1 - a).sqrt() * (noisy - (1 - a).sqrt() * guess) / a.sqrt()
    in_velocity = (guessed_velocity - velocity).square().mean((1, 2, 3))
    in_noise = (guess - noise).square().mean((1, 2, 3))
    torch.testing.assert_close(in_velocity * w.like_noise_prediction(w.snr(ALPHAS)), in_noise)


def test_weights_follow_the_schedule_with_zero_terminal_snr():
    """sd-scripts builds its table of ratios before it changes the schedule, and keeps it."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    before = torch.cumprod(1 - betas, 0)
    after = zero_terminal(before)
    settings = LossSettings(min_snr_gamma=5)
    weights = w.level_weights(after, "v_prediction", settings)
    assert weights[-1] == 0
    assert w.level_weights(before, "v_prediction", settings)[-1] > 0.004
    assert weights.isfinite().all()


@pytest.mark.parametrize("settings", [
    {"min_snr_gamma": 5}, {"debiased_estimation_loss": True}, {"scale_v_pred_loss_like_noise_pred": True},
])
def test_every_weight_of_a_velocity_model_is_finite_where_nothing_is_left_of_the_picture(settings):
    assert w.level_weights(torch.tensor([0.5, 0.0]), "v_prediction", LossSettings(**settings)).isfinite().all()

"""The DDPM process against values worked out by hand, and its draws."""

import pytest
import torch

from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.noise import seeds_for

# a = 0.64 and 0.36: sqrt(a) and sqrt(1 - a) are 0.8 and 0.6, and the other way round.
ALPHAS = torch.tensor([0.64, 0.36])


def field(*values):
    return torch.tensor(values).view(-1, 1, 1, 1)


def test_noise_is_mixed_in_by_the_timestep():
    noisy = DDPM(ALPHAS, "epsilon").add_noise(field(1.0, 2.0), field(10.0, -1.0), torch.tensor([0, 1]))
    torch.testing.assert_close(noisy, field(0.8 * 1 + 0.6 * 10, 0.6 * 2 - 0.8 * 1))


def test_epsilon_models_predict_the_noise():
    noise = field(10.0, -1.0)
    assert DDPM(ALPHAS, "epsilon").target(field(1.0, 2.0), noise, torch.tensor([0, 1])) is noise


def test_velocity_models_predict_noise_minus_picture():
    target = DDPM(ALPHAS, "v_prediction").target(field(1.0, 2.0), field(10.0, -1.0), torch.tensor([0, 1]))
    torch.testing.assert_close(target, field(0.8 * 10 - 0.6 * 1, 0.6 * -1 - 0.8 * 2))


@pytest.mark.parametrize(
    ("prediction_type", "expected"),
    [
        # snr = 0.64 / 0.36 = 16/9 and 0.36 / 0.64 = 9/16; gamma 1 caps the first only
        ("epsilon", [9 / 16, 1.0]),
        ("v_prediction", [1 / (16 / 9 + 1), (9 / 16) / (9 / 16 + 1)]),
    ],
)
def test_min_snr_weights(prediction_type, expected):
    weights = DDPM(ALPHAS, prediction_type).weight(torch.tensor([0, 1]), 1.0)
    torch.testing.assert_close(weights, torch.tensor(expected))


def test_without_gamma_every_level_counts_the_same():
    assert DDPM(ALPHAS, "epsilon").weight(torch.tensor([0, 1, 1]), 0).tolist() == [1.0, 1.0, 1.0]


def test_a_level_without_any_signal_weighs_a_finite_amount():
    for prediction_type, expected in (("epsilon", 1.0), ("v_prediction", 0.0)):
        assert DDPM(torch.tensor([0.0]), prediction_type).weight(torch.tensor([0]), 5.0).tolist() == [expected]


def test_timesteps_are_uniform_over_all_levels():
    process = DDPM(torch.linspace(0.99, 0.01, 1000), "epsilon")
    drawn = process.sample_t(seeds_for(0, 0, range(20000), "timestep"))
    assert drawn.dtype == torch.long and drawn.min() >= 0 and drawn.max() <= 999
    tenths = torch.bincount(drawn // 100, minlength=10) / 20000
    assert (tenths - 0.1).abs().max() < 0.01  # about 5 standard deviations


def test_a_timestep_belongs_to_its_sample_and_not_to_its_batch():
    process = DDPM(torch.linspace(0.99, 0.01, 1000), "epsilon")
    whole = process.sample_t(seeds_for(3, 2, [4, 5, 6], "timestep"))
    parts = torch.cat([process.sample_t(seeds_for(3, 2, [i], "timestep")) for i in (4, 5, 6)])
    assert torch.equal(whole, parts)
    assert not torch.equal(whole, process.sample_t(seeds_for(3, 3, [4, 5, 6], "timestep")))

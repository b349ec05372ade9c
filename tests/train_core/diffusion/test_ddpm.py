"""The DDPM process against values worked out by hand."""

import torch

from train_core.diffusion.ddpm import DDPM

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


def test_at_a_level_without_signal_the_input_is_noise_and_the_velocity_minus_the_picture():
    process, latents, noise = DDPM(torch.tensor([0.5, 0.0]), "v_prediction"), field(3.0), field(7.0)
    assert process.add_noise(latents, noise, torch.tensor([1])).item() == 7
    assert process.target(latents, noise, torch.tensor([1])).item() == -3

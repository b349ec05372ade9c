"""From predictions to pictures: both prediction types undo the process exactly, and levels invert to timesteps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train_core.diffusion.ddpm import DDPM
from train_core.sampling.denoiser import NoiseLevels, denoiser, guided

ALPHAS = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)
LEVELS = NoiseLevels(ALPHAS)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("t", [0, 500, 999])
def test_a_perfect_prediction_gives_the_picture_back(prediction_type, t):
    process, timesteps = DDPM(ALPHAS, prediction_type), torch.tensor([t])
    x0, eps = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2)
    asked = {}

    def predict(noisy, asked_t):
        asked.update(noisy=noisy, t=asked_t)
        return process.target(x0, eps, timesteps)

    sigma = LEVELS.sigma(t)
    guess = denoiser(predict, LEVELS, prediction_type)(x0 + sigma * eps, sigma)
    torch.testing.assert_close(guess, x0, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(asked["noisy"], process.add_noise(x0, eps, timesteps), rtol=1e-4, atol=1e-5)
    assert asked["t"].tolist() == pytest.approx([t], abs=1e-3)


@given(st.floats(0, 999))
def test_levels_and_timesteps_invert_each_other(t):
    assert LEVELS.timestep(LEVELS.sigma(t)) == pytest.approx(t, abs=1e-6)


def test_levels_outside_the_schedule_take_its_ends():
    assert LEVELS.timestep(1e-6) == 0 and LEVELS.timestep(1e6) == 999


class TwoAnswers:
    """Predicts its conditioning, and counts calls."""

    calls = 0

    def predict(self, noisy, timesteps, conditioning, extras=None):
        self.calls += 1
        assert len(noisy) == len(timesteps) == len(conditioning["text"])
        return conditioning["text"].view(-1, 1, 1, 1).expand_as(noisy)


def test_guidance_moves_away_from_the_negative_prompt_in_one_call():
    family = TwoAnswers()
    predict = guided(family, {"text": torch.tensor([3.0, 1.0])}, 7.5)
    assert predict(torch.zeros(1, 1, 1, 1), torch.zeros(1)).item() == 1 + 7.5 * (3 - 1)
    assert family.calls == 1


def test_scale_one_asks_for_the_prompt_alone():
    predict = guided(TwoAnswers(), {"text": torch.tensor([3.0])}, 1.0)
    assert predict(torch.zeros(1, 1, 1, 1), torch.zeros(1)).item() == 3

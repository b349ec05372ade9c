"""From predictions to pictures: both prediction types undo the process exactly, and levels invert to timesteps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.schedule import zero_terminal
from train_core.sampling.denoiser import Wanted, denoiser, guided
from train_core.sampling.sampler_names import SAMPLERS

ALPHAS = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)
LEVELS = DDPM(ALPHAS, "epsilon")


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("t", [0, 500, 999])
def test_a_perfect_prediction_gives_the_picture_back(prediction_type, t):
    process, timesteps = DDPM(ALPHAS, prediction_type), torch.tensor([t])
    x0, eps = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2)
    asked = {}

    def predict(noisy, asked_t):
        asked.update(noisy=noisy, t=asked_t)
        return process.target(x0, eps, timesteps)

    sigma = process.sigma(t)
    guess = denoiser(predict, process)(x0 + sigma * eps, sigma)
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
    predict = guided(family, {"text": torch.tensor([3.0, 1.0])}, [Wanted(9, (0,), (1.0,), 1)], 7.5)
    assert predict(torch.zeros(1, 1, 1, 1), torch.zeros(1)).item() == 1 + 7.5 * (3 - 1)
    assert family.calls == 1


def test_scale_one_asks_for_the_prompt_alone():
    predict = guided(TwoAnswers(), {"text": torch.tensor([3.0])}, [Wanted(9, (0,), (1.0,), None)], 1.0)
    assert predict(torch.zeros(1, 1, 1, 1), torch.zeros(1)).item() == 3


def test_texts_side_by_side_are_weighed_and_each_has_its_calls():
    family = TwoAnswers()
    wanted = [Wanted(1, (0, 2), (1.0, 0.5), 1), Wanted(2, (2,), (1.0,), 0)]
    predict = guided(family, {"text": torch.tensor([3.0, 1.0, 5.0])}, wanted, 2.0)
    found = [predict(torch.zeros(1, 1, 1, 1), torch.zeros(1)).item() for _ in range(4)]
    first, second = 1 + 2 * (3 - 1) + 2 * 0.5 * (5 - 1), 3 + 2 * (5 - 3)
    assert found == [first, first, second, second]
    assert family.calls == 4


def test_a_schedule_that_ends_in_pure_noise_is_sampled_from_its_end():
    """sd-scripts samples with the old schedule, whose start the model was never trained on."""
    process = DDPM(zero_terminal(ALPHAS), "v_prediction")
    sigma = process.sigma(999)
    assert sigma == pytest.approx(4096) and process.timestep(sigma) == 999
    x0, eps = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2)
    guess = denoiser(lambda noisy, t: process.target(x0, eps, t.round().long()), process)
    torch.testing.assert_close(guess(x0 + sigma * eps, sigma), x0, rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_walks_down_from_pure_noise(name):
    """Pictures around 2, whose best prediction is known exactly, come out around 2: nothing of the start is left."""
    alphas, sampler = zero_terminal(ALPHAS).float(), SAMPLERS[name]
    process = DDPM(alphas, "v_prediction")

    def predict(noisy, t):
        a = alphas[t.round().long()].view(-1, 1, 1, 1)
        x0 = 2 + 0.01 * a.sqrt() * (noisy - 2 * a.sqrt()) / (0.01 * a + 1 - a)
        eps = (noisy - a.sqrt() * x0) / (1 - a).sqrt()
        return a.sqrt() * eps - (1 - a).sqrt() * x0

    generator = torch.Generator().manual_seed(0)
    sigmas = sampler.sigmas(process, 20)
    start = sigmas[0] * torch.randn(1, 4, 8, 8, generator=generator)
    found = sampler.run(
        start, denoiser(predict, process), sigmas, lambda *_: torch.randn(1, 4, 8, 8, generator=generator)
    )
    assert found.mean().item() == pytest.approx(2, abs=0.1)

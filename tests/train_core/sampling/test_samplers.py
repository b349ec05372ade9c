"""Samplers on Gaussian data, where the best guess and the exact solution are known, and against diffusers' own."""

import math
from typing import get_args

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler

from train_core.config.sections.samples import Sampler
from train_core.diffusion.ddpm import DDPM
from train_core.sampling.denoiser import denoiser
from train_core.sampling.sampler_names import SAMPLERS
from train_core.sampling.samplers import lagrange_integrals

MEAN, STD = 0.7, 0.5
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
ALPHAS = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)
LEVELS = DDPM(ALPHAS, "epsilon")
NAMES = [name for name in SAMPLERS if not name.startswith("k_")]
ANCESTRAL = ["euler_a", "dpm_2_a"]
DETERMINISTIC = [name for name in NAMES if name not in ANCESTRAL]


def best_guess(x, sigma):
    """E[x_0 | x] for x_0 ~ N(MEAN, STD^2) seen through noise of level sigma."""
    return (STD**2 * x + sigma**2 * MEAN) / (STD**2 + sigma**2)


def exact(x, start, end):
    """x moved by the probability flow from level start to level end (which scales the distance to the mean)."""
    return MEAN + (x - MEAN) * math.sqrt((STD**2 + end**2) / (STD**2 + start**2))


def run(name, x, sigmas, seed=0):
    generator = torch.Generator().manual_seed(seed)
    noise = lambda: torch.randn(x.shape, generator=generator, dtype=x.dtype)  # noqa: E731
    return SAMPLERS[name].run(x, best_guess, sigmas, noise)


def start(sigma, count=3):
    x = torch.randn(count, 1, 1, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return MEAN + x * math.sqrt(STD**2 + sigma**2)


def test_every_sampler_that_the_settings_offer_is_there():
    assert set(SAMPLERS) == set(get_args(Sampler))


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_the_exact_solution_is_reached_as_steps_grow(name):
    errors = []
    for steps in (10, 40, 160):
        sigmas = SAMPLERS[name].sigmas(LEVELS, steps)
        x = start(sigmas[0])
        errors.append((run(name, x, sigmas) - exact(x, sigmas[0], 0)).abs().max().item())
    last_step = 1e-3  # the step from the lowest trained level to 0 is what remains of the better methods' errors
    assert errors[2] < 0.02 and errors[2] < max(errors[1], last_step) and errors[1] < max(errors[0], last_step)


ORDERS = {
    "ddim": 1, "euler": 1, "heun": 2, "dpm_2": 2, "dpmsolver": 2, "dpmsolver++": 2, "dpmsingle": 2, "lms": 3,
}  # fmt: skip


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_the_error_shrinks_by_the_order_of_the_method(name, order):
    errors = []
    for steps in (32, 64):
        sigmas = [10 * (0.5 / 10) ** (i / steps) for i in range(steps + 1)]
        x = start(10)
        errors.append((run(name, x, sigmas) - exact(x, 10, 0.5)).abs().max().item())
    assert errors[0] / errors[1] > 2**order * 0.8


def test_plms_is_of_high_order_where_steps_are_equal():
    errors = []
    for steps in (32, 64):
        sigmas = [2 - 1.5 * i / steps for i in range(steps + 1)]
        x = start(2)
        errors.append((run("pndm", x, sigmas) - exact(x, 2, 0.5)).abs().max().item())
    assert errors[0] / errors[1] > 6 and errors[1] < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_pictures_have_the_mean_and_spread_of_the_data(name):
    sigmas = SAMPLERS[name].sigmas(LEVELS, 60)
    drawn = run(name, start(sigmas[0], 4000), sigmas)
    assert drawn.mean().item() == pytest.approx(MEAN, abs=0.04)
    assert drawn.std().item() == pytest.approx(STD, abs=0.04)


@pytest.mark.parametrize("name", ANCESTRAL)
def test_ancestral_noise_comes_from_the_generator_alone(name):
    sigmas = SAMPLERS[name].sigmas(LEVELS, 8)
    x = start(sigmas[0])
    assert torch.equal(run(name, x, sigmas, seed=3), run(name, x, sigmas, seed=3))
    assert not torch.equal(run(name, x, sigmas, seed=3), run(name, x, sigmas, seed=4))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_very_few_steps_still_give_a_finite_picture(name, steps):
    sigmas = SAMPLERS[name].sigmas(LEVELS, steps)
    assert len(sigmas) == steps + 1 and sigmas[-1] == 0
    assert torch.isfinite(run(name, start(sigmas[0]), sigmas)).all()


def test_lagrange_integrals_are_exact_for_polynomials():
    nodes = [3.0, 2.0, 1.5, 1.2]
    weights = lagrange_integrals(nodes, 1.2, 0.7)
    assert sum(w * n**3 for w, n in zip(weights, nodes, strict=True)) == pytest.approx((0.7**4 - 1.2**4) / 4)


def toy_model(x, t):
    """Something smooth that depends on both its arguments."""
    return torch.tanh(0.3 * x) + 0.1 * torch.sin(t.double() / 200).view(-1, 1, 1, 1)


def diffusers_run(scheduler, steps):
    scheduler.set_timesteps(steps)
    x = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 1, 3, 3) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        x = scheduler.step(toy_model(scheduler.scale_model_input(x, t), t.view(1)), t, x).prev_sample
    return x


def our_run(name, steps, prediction_type="epsilon"):
    entry = SAMPLERS[name]
    sigmas = entry.sigmas(LEVELS, steps)
    x = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 1, 3, 3)
    x = x * (math.sqrt(1 + sigmas[0] ** 2) if name == "ddim" else sigmas[0])
    return entry.run(x, denoiser(toy_model, DDPM(ALPHAS, prediction_type)), sigmas, lambda: torch.zeros_like(x))


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_ddim_agrees_with_diffusers(prediction_type):
    theirs = DDIMScheduler(
        **BETAS, clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing", prediction_type=prediction_type
    )
    torch.testing.assert_close(our_run("ddim", 20, prediction_type), diffusers_run(theirs, 20), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_euler_agrees_with_diffusers(prediction_type):
    theirs = EulerDiscreteScheduler(**BETAS, prediction_type=prediction_type)
    ours = our_run("euler", 28, prediction_type)  # 28 steps fall on whole timesteps, where both interpolate nothing
    torch.testing.assert_close(ours, diffusers_run(theirs, 28), rtol=1e-4, atol=1e-4)


def test_dpmsolver_agrees_with_diffusers_on_the_same_levels():
    theirs = DPMSolverMultistepScheduler(**BETAS, final_sigmas_type="zero", timestep_spacing="linspace")
    theirs.set_timesteps(20)
    sigmas = theirs.sigmas.double().tolist()
    x = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 1, 3, 3)
    denoise = denoiser(toy_model, LEVELS)
    ours = SAMPLERS["dpmsolver++"].run(x * math.sqrt(1 + sigmas[0] ** 2), denoise, sigmas, lambda: x)
    torch.testing.assert_close(ours, diffusers_run(theirs, 20), rtol=1e-3, atol=1e-3)

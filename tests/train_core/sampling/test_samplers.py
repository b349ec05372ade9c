"""Samplers on Gaussian data, where the best guess and the exact solution are known."""

import math
from typing import get_args

import pytest
import torch

from train_core.config.sections.samples import Sampler
from train_core.diffusion.ddpm import DDPM
from train_core.facts.prompts.stages import calls_per_step
from train_core.sampling.noise import brownian_noise, fresh_noise
from train_core.sampling.sampler_names import SAMPLERS
from train_core.sampling.samplers import lagrange_integrals

MEAN, STD = 0.7, 0.5
CPU = torch.device("cpu")
ALPHAS = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)
LEVELS = DDPM(ALPHAS, "epsilon")
NAMES = [name for name in SAMPLERS if not name.startswith("k_")]
BROWNIAN = [name for name in NAMES if SAMPLERS[name].brownian]
RANDOM = ["euler_a", "dpm_2_a", "dpmpp_2s_a", "lcm", *BROWNIAN]
DETERMINISTIC = [name for name in NAMES if name not in RANDOM]


def best_guess(x, sigma):
    """E[x_0 | x] for x_0 ~ N(MEAN, STD^2) seen through noise of level sigma."""
    return (STD**2 * x + sigma**2 * MEAN) / (STD**2 + sigma**2)


def exact(x, start, end):
    """x moved by the probability flow from level start to level end (which scales the distance to the mean)."""
    return MEAN + (x - MEAN) * math.sqrt((STD**2 + end**2) / (STD**2 + start**2))


def run(name, x, sigmas, seed=0):
    if SAMPLERS[name].brownian:
        noise = brownian_noise(x.shape, sigmas, seed, CPU)
    else:
        noise = fresh_noise(x.shape, torch.Generator().manual_seed(seed), CPU)
    # A consistency model says where the flow ends, not what is likeliest.
    guess = (lambda x, sigma: exact(x, sigma, 0)) if name == "lcm" else best_guess
    return SAMPLERS[name].run(x, guess, sigmas, noise)


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
    "unipc": 3,
}  # fmt: skip
COUNTS = {"unipc": (128, 256)}  # its error changes sign near 32 steps


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_the_error_shrinks_by_the_order_of_the_method(name, order):
    errors = []
    for steps in COUNTS.get(name, (32, 64)):
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


@pytest.mark.parametrize("name", RANDOM)
def test_noise_follows_from_the_seed_alone(name):
    sigmas = SAMPLERS[name].sigmas(LEVELS, 8)
    x = start(sigmas[0])
    assert torch.equal(run(name, x, sigmas, seed=3), run(name, x, sigmas, seed=3))
    assert not torch.equal(run(name, x, sigmas, seed=3), run(name, x, sigmas, seed=4))


@pytest.mark.parametrize("name", BROWNIAN)
def test_more_steps_follow_the_same_path_more_closely(name):
    x, drawn = start(10), []
    for steps in (20, 40, 160, 320):
        drawn.append(run(name, x, [10 * (0.05 / 10) ** (i / steps) for i in range(steps + 1)]))
    coarse, fine = ((b - a).abs().max().item() for a, b in (drawn[:2], drawn[2:]))
    assert fine < coarse / 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [4, 5])
def test_the_table_says_how_often_the_model_is_asked_in_a_step(name, steps):
    asked = []
    entry = SAMPLERS[name]
    sigmas = entry.sigmas(LEVELS, steps)
    x = start(sigmas[0])
    entry.run(x, lambda x, sigma: asked.append(sigma) or best_guess(x, sigma), sigmas, lambda *_: torch.zeros_like(x))
    first_of_pndm = name == "pndm"  # which has no slopes to look back on
    assert len(asked) == (steps - 1) * calls_per_step(name) + 1 + first_of_pndm


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

"""Samplers and spacings give the numbers of diffusers' schedulers, on a tiny model, to 1e-4.

diffusers has neither DPM++ 2S a nor k-diffusion's DPM++ 3M SDE (its own third order takes another second step and
another weight of the bend). Those two are compared with plain implementations in this file, written from the papers'
formulas for alpha and sigma (Lu et al., 2022b, algorithm 1 and appendix B), in which nothing is shared with ours.
"""

import math
import sys
from itertools import pairwise

import diffusers
import pytest
import torch
from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

from train_core.diffusion.ddpm import DDPM
from train_core.sampling.denoiser import denoiser
from train_core.sampling.noise import brownian_noise
from train_core.sampling.sampler_names import SAMPLERS
from train_core.sampling.spacings import SPACINGS

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
ALPHAS = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, 0)
LEVELS = DDPM(ALPHAS, "epsilon")
SEED = 5
CPU = torch.device("cpu")
X = torch.linspace(-2, 2, 36).view(1, 4, 3, 3)  # of variance 1 or so
FIXED = torch.randn(X.shape, generator=torch.Generator().manual_seed(SEED))
KINDS = {"uniform": {}, "karras": {"use_karras_sigmas": True}, "exponential": {"use_exponential_sigmas": True}}
STEPS = 28  # which fall on whole timesteps: between two, diffusers interpolates levels and we, like A1111, their logs

MULTISTEP = {"final_sigmas_type": "zero", "solver_order": 2}
# By our name: their scheduler, its settings, and whether its equal distances begin and end where ours do.
SCHEDULERS = {
    "lms": ("LMSDiscreteScheduler", {}, True),
    "euler": ("EulerDiscreteScheduler", {}, True),
    "heun": ("HeunDiscreteScheduler", {}, True),
    "dpm_2": ("KDPM2DiscreteScheduler", {}, True),
    "dpm_2_a": ("KDPM2AncestralDiscreteScheduler", {}, True),
    "dpmpp_sde": ("DPMSolverSDEScheduler", {"noise_sampler_seed": SEED}, True),
    "dpmsolver++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", **MULTISTEP}, False),
    "dpmpp_2m_sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", **MULTISTEP}, False),
    "unipc": ("UniPCMultistepScheduler", {"solver_type": "bh2", **MULTISTEP}, False),
}
CASES = [(name, spacing) for name in SCHEDULERS for spacing in KINDS]


def tiny_model(x, t):
    """Something smooth that depends on both its arguments."""
    return torch.tanh(0.3 * x) + 0.1 * torch.sin(t / 200).view(-1, 1, 1, 1)


def scheduler_of(kind, settings, steps, prediction_type="epsilon"):
    theirs = getattr(diffusers, kind)(**BETAS, prediction_type=prediction_type, **settings)
    theirs.set_timesteps(steps)
    return theirs


def their_run(theirs, x, noise, monkeypatch):
    """What their scheduler makes of `x`; where it draws noise for its step from one level to another, `noise` does.

    Those of multistep kind round the time that they ask the model at, also of levels between two times; here they ask
    at the level's own.
    """
    exact = "Multistep" in type(theirs).__name__
    module = sys.modules[type(theirs).__module__]
    for i, t in enumerate(theirs.timesteps):
        drawn = noise(*theirs.sigmas[i : i + 2].tolist()) if hasattr(theirs, "sigmas") else noise()
        monkeypatch.setattr(module, "randn_tensor", lambda *args, drawn=drawn, **kwargs: drawn, raising=False)
        asked = torch.tensor([LEVELS.timestep(theirs.sigmas[i].item())]) if exact else t.view(1)
        x = theirs.step(tiny_model(theirs.scale_model_input(x, t), asked.float()), t, x).prev_sample
    return x


def our_run(name, levels, noise, prediction_type="epsilon", start=None):
    denoise = denoiser(tiny_model, DDPM(ALPHAS, prediction_type))
    return SAMPLERS[name].run(X * levels[0] if start is None else start, denoise, levels, noise)


def noise_of(name, levels):
    """Noise as `name` draws it: of a Brownian path, of which theirs asks for a part towards level 0 too; else fixed."""
    if not SAMPLERS[name].brownian:
        return lambda *step: FIXED
    path = brownian_noise(X.shape, levels, SEED, CPU)
    return lambda sigma, following: path(sigma, following) if 0 < following < sigma else torch.zeros_like(X)


def assert_same(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "spacing"), CASES)
def test_samplers_agree_with_diffusers(name, spacing, monkeypatch):
    kind, settings, same_ends = SCHEDULERS[name]
    theirs = scheduler_of(kind, settings | KINDS[spacing], STEPS)
    levels = list(dict.fromkeys(theirs.sigmas.tolist()))
    if same_ends or spacing != "uniform":
        assert levels == pytest.approx([*SPACINGS[spacing](LEVELS, STEPS), 0.0], rel=1e-4)
    noise = noise_of(name, levels)
    start = X * levels[0]
    if kind in ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler"):  # which walk in latents of variance 1
        start = X * levels[0] / math.sqrt(1 + levels[0] ** 2)
    assert_same(our_run(name, levels, noise), their_run(theirs, start, noise, monkeypatch))


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize(("name", "kind"), [
    ("euler", "EulerDiscreteScheduler"), ("euler_a", "EulerAncestralDiscreteScheduler"),
    ("dpmpp_sde", "DPMSolverSDEScheduler"),
])  # fmt: skip
def test_models_of_noise_and_of_velocity_agree_with_diffusers(name, kind, prediction_type, monkeypatch):
    settings = {"noise_sampler_seed": SEED} if name == "dpmpp_sde" else {}
    theirs = scheduler_of(kind, settings, STEPS, prediction_type)
    levels = list(dict.fromkeys(theirs.sigmas.tolist()))
    noise = noise_of(name, levels)
    assert_same(
        our_run(name, levels, noise, prediction_type), their_run(theirs, X * levels[0], noise, monkeypatch)
    )


# By our name: their scheduler, and its settings for what the sampler does here where nobody says otherwise.
AS_THEY_ARE = {
    "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": True, "timestep_spacing": "trailing"}),
    "unipc": ("UniPCMultistepScheduler", {"timestep_spacing": "trailing"}),
    "lcm": ("LCMScheduler", {"clip_sample": False}),
    "dpmpp_sde": ("DPMSolverSDEScheduler", {"noise_sampler_seed": SEED, "use_karras_sigmas": True}),
}
COUNTS = [(name, steps) for name in AS_THEY_ARE for steps in (1, 2, 8, 20)]
COUNTS.remove(("dpmpp_sde", 1))  # theirs finds no path between one level and itself


@pytest.mark.parametrize(("name", "steps"), COUNTS)
def test_samplers_and_their_own_spacings_agree_with_diffusers(name, steps, monkeypatch):
    kind, settings = AS_THEY_ARE[name]
    theirs = scheduler_of(kind, settings, steps)
    levels = SAMPLERS[name].sigmas(LEVELS, steps)
    noise = noise_of(name, levels)
    in_noise = kind == "DPMSolverSDEScheduler"  # the others walk in latents of variance 1
    found = our_run(name, levels, noise, start=X * (levels[0] if in_noise else math.sqrt(1 + levels[0] ** 2)))
    assert_same(found, their_run(theirs, X * levels[0] if in_noise else X, noise, monkeypatch))


def test_a_latent_consistency_model_is_asked_at_the_times_of_diffusers():
    for steps in range(1, 51):
        theirs = scheduler_of("LCMScheduler", {}, steps)
        times = [LEVELS.timestep(sigma) for sigma in SAMPLERS["lcm"].sigmas(LEVELS, steps)[:-1]]
        assert times == pytest.approx(theirs.timesteps.tolist(), abs=1e-6), steps


@pytest.mark.filterwarnings("ignore:Should have")
@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_a_path_is_that_of_torchsde_wherever_it_is_asked(seed):
    lowest, highest = 0.029167, 14.614641
    theirs = BrownianTreeNoiseSampler(X, lowest, highest, seed)
    ours = brownian_noise(X.shape, [highest, lowest, 0.0], seed, CPU)
    levels = [highest + 1e-6, *torch.linspace(14.6, 0.03, 40).tolist(), lowest - 2e-6]
    for sigma, following in [*pairwise(levels), (levels[0], levels[-1]), (levels[5], levels[30])]:
        torch.testing.assert_close(ours(sigma, following), theirs(sigma, following), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_3m_sde_passes_over_the_weakest_level_as_in_a1111(steps):
    levels = SPACINGS["exponential"](LEVELS, steps + 1)
    assert SAMPLERS["dpmpp_3m_sde"].sigmas(LEVELS, steps) == [*levels[:-1], 0.0]


def plain(level):
    """alpha, sigma and lambda = log(alpha / sigma) of a level."""
    alpha = 1 / math.sqrt(1 + level**2)
    return alpha, level * alpha, -math.log(level) if level else math.inf


def plain_2s_ancestral(x, denoise, levels, noise):
    """Algorithm 1 of the paper with r = 1/2, to the level below which DDPM's reverse step adds noise."""
    for level, following in pairwise(levels):
        up = math.sqrt(following**2 * (level**2 - following**2) / level**2)
        down = math.sqrt(following**2 - up**2)
        (alpha_t, sigma_t, lambda_t), (alpha_n, sigma_n, lambda_n) = plain(level), plain(down)
        z = alpha_t * x
        guess = denoise(x, level)
        if down:
            middle = math.exp(-(lambda_t + 0.5 * (lambda_n - lambda_t)))
            alpha_s, sigma_s, _ = plain(middle)
            u = sigma_s / sigma_t * z - alpha_s * (math.exp(-0.5 * (lambda_n - lambda_t)) - 1) * guess
            guess = denoise(u / alpha_s, middle)
        z = sigma_n / sigma_t * z - alpha_n * (math.exp(-(lambda_n - lambda_t)) - 1) * guess
        x = z / alpha_n + up * noise(level, following)
    return x


def plain_3m_sde(x, denoise, levels, noise):
    """The multistep SDE solver in alpha and sigma: the exact solution for a guess that is a polynomial in lambda."""
    known = []
    for level, following in pairwise(levels):
        (alpha_s, sigma_s, lambda_s), (alpha_t, sigma_t, lambda_t) = plain(level), plain(following)
        known.append((lambda_s, denoise(x, level)))
        h = lambda_t - lambda_s
        z = sigma_t / sigma_s * math.exp(-h) * alpha_s * x + alpha_t * (1 - math.exp(-2 * h)) * known[-1][1]
        if following and len(known) > 1:
            phi_2 = (math.exp(-2 * h) - 1) / (2 * h) + 1
            (l1, m1), (l0, m0) = known[-2:]
            slope = (m0 - m1) / (l0 - l1) * h
            if len(known) > 2:
                l2, m2 = known[-3]
                bend = ((m0 - m1) / (l0 - l1) - (m1 - m2) / (l1 - l2)) / (l0 - l2) * h**2
                slope = slope + bend * (l0 - l1) / h
                z = z - alpha_t * (phi_2 / (2 * h) - 0.5) * bend
            z = z + alpha_t * phi_2 * slope
        z = z + sigma_t * math.sqrt(1 - math.exp(-2 * h)) * (noise(level, following) if following else 0)
        x = z / alpha_t
    return x


@pytest.mark.parametrize("spacing", KINDS)
@pytest.mark.parametrize(("name", "independent"), [
    ("dpmpp_2s_a", plain_2s_ancestral), ("dpmpp_3m_sde", plain_3m_sde)
])  # fmt: skip
def test_samplers_that_diffusers_lacks_agree_with_plain_ones(name, independent, spacing):
    levels = [*SPACINGS[spacing](LEVELS, 20), 0.0]
    noise = noise_of(name, levels)
    theirs = independent(X * levels[0], denoiser(tiny_model, LEVELS), levels, noise)
    assert_same(our_run(name, levels, noise), theirs)

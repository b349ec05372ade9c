"""Samplers: each is a pure function that walks latents down a list of noise levels.

All share one form: `x` (B, C, h, w) is x_0 + sigmas[0] eps; `sigmas` fall and end in 0; `denoise(x, sigma)` guesses
x_0; `noise(sigma, following)` draws N(0, 1) like x for the step between two levels (`noise.py`); returned is x_0. In
this form (Karras et al., 2022) a deterministic sampler solves dx/dsigma = (x - x_0) / sigma, and its slope is the
noise eps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from train_core.sampling.denoiser import Denoise
from train_core.sampling.noise import Noise

Sampler = Callable[[Tensor, Denoise, Sequence[float], Noise], Tensor]

# Adams-Bashforth coefficients for equal steps, newest slope first.
ADAMS_BASHFORTH = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))


def ddim(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DDIM with eta 0 (Song et al., 2020): guess the picture, then add the same noise back at the next level."""
    for sigma, following in pairwise(sigmas):
        x0 = denoise(x, sigma)
        eps = (x - x0) / sigma
        x = x0 + following * eps
    return x


def pndm(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """PLMS, the linear multistep half of PNDM (Liu et al., 2022): a DDIM step along a mean of the last four slopes.

    The first step has no past and averages the slopes at its two ends.
    """
    slopes: list[Tensor] = []
    for sigma, following in pairwise(sigmas):
        slope = (x - denoise(x, sigma)) / sigma
        slopes = [slope, *slopes[:3]]
        if len(slopes) == 1 and following > 0:
            ahead = x + (following - sigma) * slope
            mean = (slope + (ahead - denoise(ahead, following)) / following) / 2
        else:
            mean = weighted_sum(ADAMS_BASHFORTH[len(slopes) - 1], slopes)
        x = x + (following - sigma) * mean
    return x


def lms(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """Linear multistep of order four: integrates the polynomial through the last slopes, for unequal steps."""
    slopes: list[Tensor] = []
    for i in range(len(sigmas) - 1):
        slopes = [(x - denoise(x, sigmas[i])) / sigmas[i], *slopes[:3]]
        past = [sigmas[i - k] for k in range(len(slopes))]
        x = x + weighted_sum(lagrange_integrals(past, sigmas[i], sigmas[i + 1]), slopes)
    return x


def weighted_sum(weights: Sequence[float], tensors: Sequence[Tensor]) -> Tensor:
    return sum((w * t for w, t in zip(weights[1:], tensors[1:], strict=True)), weights[0] * tensors[0])


def lagrange_integrals(nodes: Sequence[float], start: float, end: float) -> list[float]:
    """Integrate from `start` to `end`, for each node, the polynomial that is 1 there and 0 at the others."""
    integrals = []
    for node in nodes:
        others = [other for other in nodes if other != node]
        basis = Polynomial.fromroots(others) if others else Polynomial([1.0])
        integral = (basis / basis(node)).integ()
        integrals.append(float(integral(end) - integral(start)))
    return integrals


def euler(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """Euler's method (algorithm 2 of Karras et al., 2022, without churn)."""
    for sigma, following in pairwise(sigmas):
        slope = (x - denoise(x, sigma)) / sigma
        x = x + (following - sigma) * slope
    return x


def euler_a(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """Ancestral Euler: steps below the next level, then adds fresh noise up to it."""
    for sigma, following in pairwise(sigmas):
        down, up = ancestral_split(sigma, following)
        slope = (x - denoise(x, sigma)) / sigma
        x = renoised(x + (down - sigma) * slope, up, sigma, following, noise)
    return x


def ancestral_step(x: Tensor, x0: Tensor, sigma: float, following: float, noise: Noise) -> Tensor:
    """One step towards `x0` below level `following`, and fresh noise up to it."""
    down, up = ancestral_split(sigma, following)
    return renoised(approached(x, x0, sigma, down), up, sigma, following, noise)


def approached(x: Tensor, x0: Tensor, sigma: float, target: float) -> Tensor:
    """`x` moved from level `sigma` to `target` along its line to `x0`, which stands at level 0."""
    return target / sigma * x + (1 - target / sigma) * x0


def renoised(x: Tensor, up: float, sigma: float, following: float, noise: Noise) -> Tensor:
    """`x` with noise of level `up` for the step between two levels; a step to no noise draws none."""
    return x + up * noise(sigma, following) if up else x


def ancestral_split(sigma: float, following: float) -> tuple[float, float]:
    """The level to step down to and the noise to add, as in DDPM's own reverse step: down^2 + up^2 = following^2."""
    up = following / sigma * math.sqrt(sigma**2 - following**2)
    return following**2 / sigma, up


def heun(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """Heun's method (algorithm 1 of Karras et al., 2022, without churn): the mean slope of both ends of a step."""
    for sigma, following in pairwise(sigmas):
        slope = (x - denoise(x, sigma)) / sigma
        ahead = x + (following - sigma) * slope
        if following > 0:
            slope = (slope + (ahead - denoise(ahead, following)) / following) / 2
        x = x + (following - sigma) * slope
    return x


def dpm_2(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver-2 (Lu et al., 2022) as k-diffusion has it: the slope at the step's geometric middle."""
    for sigma, following in pairwise(sigmas):
        x = midpoint_step(x, denoise, sigma, following)
    return x


def dpm_2_a(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver-2 with ancestral noise: steps below the next level, then adds fresh noise up to it."""
    for sigma, following in pairwise(sigmas):
        down, up = ancestral_split(sigma, following)
        x = renoised(midpoint_step(x, denoise, sigma, down), up, sigma, following, noise)
    return x


def midpoint_step(x: Tensor, denoise: Denoise, sigma: float, target: float) -> Tensor:
    """One step from level `sigma` to `target` along the slope at sqrt(sigma target); straight where that is 0."""
    slope = (x - denoise(x, sigma)) / sigma
    if target > 0:
        middle = math.sqrt(sigma * target)
        ahead = x + (middle - sigma) * slope
        slope = (ahead - denoise(ahead, middle)) / middle
    return x + (target - sigma) * slope


def dpmsolver(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver(2M) (Lu et al., 2022): multistep, second order in the predicted noise over lambda = -log sigma."""
    last: Tensor | None = None
    for i, (sigma, following) in enumerate(pairwise(sigmas)):
        eps = (x - denoise(x, sigma)) / sigma
        ahead = extrapolated(eps, last, sigmas, i)
        x = x + (following - sigma) * ahead
        last = eps
    return x


def dpmsolver_pp(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver++(2M) (Lu et al., 2022b): multistep, second order in the predicted picture over lambda."""
    last: Tensor | None = None
    for i, (sigma, following) in enumerate(pairwise(sigmas)):
        x0 = denoise(x, sigma)
        x = approached(x, extrapolated(x0, last, sigmas, i), sigma, following)
        last = x0
    return x


def dpmpp_2m_sde(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """SDE-DPM-Solver++(2M) (Lu et al., 2022b): the same guess ahead, and the SDE's noise: below a level, up to it."""
    last: Tensor | None = None
    for i, (sigma, following) in enumerate(pairwise(sigmas)):
        x0 = denoise(x, sigma)
        x = ancestral_step(x, extrapolated(x0, last, sigmas, i), sigma, following, noise)
        last = x0
    return x


def extrapolated(now: Tensor, last: Tensor | None, sigmas: Sequence[float], i: int) -> Tensor:
    """`now` carried on to the middle of step i along the line from `last`, in lambda = -log sigma.

    The first step has no past, and the last one, to sigma 0, is infinitely long in lambda; both take `now` itself.
    """
    if last is None or sigmas[i + 1] == 0:
        return now
    h_last, h = math.log(sigmas[i - 1] / sigmas[i]), math.log(sigmas[i] / sigmas[i + 1])
    return now + h / (2 * h_last) * (now - last)


def dpmpp_3m_sde(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver++(3M) SDE as k-diffusion has it: the slope and bend of the last three guesses over lambda."""
    guesses: list[Tensor] = []
    for i, (sigma, following) in enumerate(pairwise(sigmas)):
        guesses = [denoise(x, sigma), *guesses[:2]]
        ahead = bent_guess(guesses, sigmas, i) if following else guesses[0]
        x = ancestral_step(x, ahead, sigma, following, noise)
    return x


def bent_guess(guesses: Sequence[Tensor], sigmas: Sequence[float], i: int) -> Tensor:
    """The guess of x_0 for the whole of step i that up to three `guesses`, newest first, lead to.

    `slope` and `bend` are their first and second differences, in steps of h in lambda = -log sigma. The weights are the
    integrals of the SDE over the step, phi_2 and phi_3 of 2 h, by what x_0 itself weighs there.
    """
    if len(guesses) == 1:
        return guesses[0]
    h = math.log(sigmas[i] / sigmas[i + 1])
    steps = [math.log(sigmas[i - k - 1] / sigmas[i - k]) / h for k in range(len(guesses) - 1)]
    slopes = [(new - old) / step for new, old, step in zip(guesses, guesses[1:], steps, strict=False)]
    share = -math.expm1(-2 * h)
    phi_2 = 1 - share / (2 * h)
    if len(slopes) == 1:
        return guesses[0] + phi_2 / share * slopes[0]
    bend = (slopes[0] - slopes[1]) / (steps[0] + steps[1])
    phi_3 = phi_2 / (2 * h) - 0.5
    return guesses[0] + phi_2 / share * (slopes[0] + steps[0] * bend) - phi_3 / share * bend


def dpmsingle(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver++(2S) (Lu et al., 2022b): singlestep, the picture predicted at the middle of the step in lambda."""
    for sigma, following in pairwise(sigmas):
        x = singlestep(x, denoise, sigma, following)
    return x


def dpmpp_2s_a(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver++(2S) with ancestral noise: steps below the next level, then adds fresh noise up to it."""
    for sigma, following in pairwise(sigmas):
        down, up = ancestral_split(sigma, following)
        x = renoised(singlestep(x, denoise, sigma, down), up, sigma, following, noise)
    return x


def singlestep(x: Tensor, denoise: Denoise, sigma: float, target: float) -> Tensor:
    """One step from level `sigma` to `target` towards the picture seen at sqrt(sigma target); at once where that is
    0."""
    x0 = denoise(x, sigma)
    if target > 0:
        middle = math.sqrt(sigma * target)
        x0 = denoise(approached(x, x0, sigma, middle), middle)
    return approached(x, x0, sigma, target)


def dpmpp_sde(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver++ (SDE) as k-diffusion has it: an ancestral step to the middle in lambda, and the whole one by what
    is seen there. Both draw on one Brownian path."""
    for sigma, following in pairwise(sigmas):
        x0 = denoise(x, sigma)
        begin, middle, end = in_single(sigma, following)
        if following > 0:
            x0 = denoise(ancestral_step(x, x0, begin, middle, noise), middle)
        x = ancestral_step(x, x0, begin, end, noise)
    return x


def in_single(sigma: float, following: float) -> tuple[float, float, float]:
    """A step's begin, middle and end in lambda = -log sigma, computed in fp32 as k-diffusion and diffusers do.

    From one number in fp32 to the next a Brownian path moves by a thousandth, so that rounding would be seen.
    """
    begin, end = -torch.tensor([sigma, following], dtype=torch.float32).log()
    places = torch.stack([begin, begin + (end - begin) * 0.5, end])
    first, middle, last = (-places).exp().tolist()
    return first, middle, last


def unipc(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """UniPC-2 with B_2(h) (Zhao et al., 2023): each step of DPM-Solver++(2M) is done again once its end was looked at.

    What is seen at the end of a step corrects where it led to, and is the guess for the next: one call a step.
    """
    before = x
    guesses: list[Tensor] = []
    for i, (sigma, following) in enumerate(pairwise(sigmas)):
        guesses = [denoise(x, sigma), *guesses[:2]]
        if i > 0:
            x = approached(before, looked_back(guesses, sigmas, i), sigmas[i - 1], sigma)
        before = x
        x = approached(x, extrapolated(guesses[0], guesses[1] if i else None, sigmas, i), sigma, following)
    return x


def looked_back(guesses: Sequence[Tensor], sigmas: Sequence[float], i: int) -> Tensor:
    """The guess of x_0 for the whole of step i - 1: the mean, weighted by e^lambda, of the curve through `guesses`.

    These are at the step's end, its beginning and, but for the first step, the beginning of the one before it.
    """
    end, begin = guesses[:2]
    if len(guesses) == 2:
        return (begin + end) / 2
    h = math.log(sigmas[i - 1] / sigmas[i])
    back = -math.log(sigmas[i - 2] / sigmas[i - 1]) / h
    first = 1 / -math.expm1(-h) - 1 / h  # means of s and s^2, where s runs from 0 to 1 over the step
    second = 1 / -math.expm1(-h) - 2 / h * first
    ahead, behind = end - begin, (guesses[2] - begin) / back
    bend = (ahead - behind) / (1 - back)
    return begin + first * (ahead - bend) + second * bend


def lcm(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """Multistep sampling of consistency models (Luo et al., 2023): the guess of x_0, with fresh noise of each level.

    The boundary condition's own weights are left out: at the levels that are visited they are 1 and 0 to 1e-5.
    """
    for sigma, following in pairwise(sigmas):
        x = renoised(denoise(x, sigma), following, sigma, following, noise)
    return x

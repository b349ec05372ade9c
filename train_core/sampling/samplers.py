"""Samplers: each is a pure function that walks latents down a list of noise levels.

All share one form: `x` (B, C, h, w) is x_0 + sigmas[0] eps; `sigmas` fall and end in 0; `denoise(x, sigma)` guesses
x_0; `noise()` draws N(0, 1) like x; returned is x_0. In this form (Karras et al., 2022) a deterministic sampler solves
dx/dsigma = (x - x_0) / sigma, and its slope is the noise eps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from numpy.polynomial import Polynomial
from torch import Tensor

from train_core.sampling.denoiser import Denoise

Noise = Callable[[], Tensor]
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
        x = x + (down - sigma) * slope
        x = x + up * noise() if up else x
    return x


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
        x = midpoint_step(x, denoise, sigma, down)
        x = x + up * noise() if up else x
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
        ahead = extrapolated(x0, last, sigmas, i)
        x = following / sigma * x + (1 - following / sigma) * ahead
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


def dpmsingle(x: Tensor, denoise: Denoise, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver++(2S) (Lu et al., 2022b): singlestep, the picture predicted at the middle of the step in lambda."""
    for sigma, following in pairwise(sigmas):
        x0 = denoise(x, sigma)
        if following > 0:
            middle = math.sqrt(sigma * following)
            x0 = denoise(middle / sigma * x + (1 - middle / sigma) * x0, middle)
        x = following / sigma * x + (1 - following / sigma) * x0
    return x

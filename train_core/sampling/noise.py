"""Noise that samplers add: fresh for each step, or the parts of one Brownian path."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

# Draws N(0, 1), shaped like the latents, for the step from one noise level to a lower one.
Noise = Callable[[float, float], Tensor]

DIGITS = 6  # after the point, of a path's times
POOL_SIZE = 24  # of the sequences that its seeds are taken from


def fresh_noise(shape: Sequence[int], generator: torch.Generator, device: torch.device) -> Noise:
    """Noise that the CPU's `generator` draws anew for each step."""
    return lambda sigma, following: torch.randn(tuple(shape), generator=generator).to(device)


def brownian_noise(shape: Sequence[int], sigmas: Sequence[float], seed: int, device: torch.device) -> Noise:
    """Noise from a Brownian path over the `sigmas` above 0: its change in a step, by the standard deviation of that.

    So steps that overlap share their noise, and more or fewer steps between the same levels follow the same path. A
    seed gives the noise that it gives in k-diffusion and diffusers, which walk a path of torchsde from level to level,
    these in fp32.
    """
    levels = [_single(sigma) for sigma in sigmas if sigma > 0]
    path = brownian_path(shape, levels[-1], levels[0], seed)

    def noise(sigma: float, following: float) -> Tensor:
        high, low = _single(sigma), _single(following)
        return ((path(low) - path(high)) / math.sqrt(high - low)).to(device)

    return noise


def brownian_path(shape: Sequence[int], start: float, end: float, seed: int) -> Callable[[float], Tensor]:
    """A Brownian motion (*shape) as a function of the time from `start`, where it is 0, to `end`.

    It is a virtual tree (Li et al., 2020): nothing is stored but what was asked for, since each interval's middle
    follows from its ends and from a seed of its own. Halves, rounding and seeds are as in torchsde's dyadic tree. That
    library is not used, since scipy comes with it, which makes every start slower.
    """
    first, last = round(start, DIGITS), round(end, DIGITS)
    origin = torch.zeros(tuple(shape))
    known = {first: origin, last: math.sqrt(end - start) * _normal(shape, seed)}

    def at(time: float) -> Tensor:
        time = min(max(round(time, DIGITS), first), last)  # a level may be rounded to beyond the ends
        if time not in known:
            known[time] = descended(time)
        return known[time]

    def descended(time: float) -> Tensor:
        low, high, at_low, at_high = first, last, known[first], known[last]
        number = depth = 0  # the interval's place in the tree
        while low < time < high:
            middle = round((low + high) / 2, DIGITS)
            share = (middle - low) / (high - low)
            spread = math.sqrt(share * (high - middle))
            at_middle = at_low + share * (at_high - at_low) + spread * _normal(shape, seed, number, depth)
            on_the_right = time >= middle
            if on_the_right:
                low, at_low = middle, at_middle
            else:
                high, at_high = middle, at_middle
            number, depth = 2 * number + on_the_right, depth + 1
        return at_low

    return at


def _normal(shape: Sequence[int], seed: int, *place: int) -> Tensor:
    """N(0, 1), drawn on the CPU by the seed of a place in the tree."""
    own = np.random.SeedSequence(entropy=seed, spawn_key=place, pool_size=POOL_SIZE).generate_state(1)[0]
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(int(own)))


def _single(sigma: float) -> float:
    """`sigma` as it is in fp32."""
    return torch.tensor(sigma, dtype=torch.float32).item()

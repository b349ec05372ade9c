"""Loss functions: squared error, absolute error, or squared up to a threshold and absolute beyond it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.process import Process


def squared(difference: Tensor) -> Tensor:
    """d^2, in any shape."""
    return difference.square()


def absolute(difference: Tensor) -> Tensor:
    """|d|, in any shape."""
    return difference.abs()


def huber(difference: Tensor, threshold: Tensor) -> Tensor:
    """Pseudo-Huber loss 2 c (sqrt(d^2 + c^2) - c): d^2 for |d| << c, 2 c |d| for |d| >> c (Charbonnier et al., 1997).

    `threshold` c broadcasts against `difference` d. Scheduled over noise levels by Khrapov et al. (2024).
    """
    return threshold * smooth_l1(difference, threshold)


def smooth_l1(difference: Tensor, threshold: Tensor) -> Tensor:
    """2 (sqrt(d^2 + c^2) - c): d^2 / c for |d| << c, 2 |d| for |d| >> c. Written so that small d lose no digits."""
    square = difference.square()
    return 2 * square / ((square + threshold**2).sqrt() + threshold)


def huber_thresholds(process: Process, t: Tensor, settings: LossSettings) -> Tensor:
    """The thresholds at `t`, (B,), fp32, for `huber_c` c and `huber_scale` (Khrapov et al., 2024).

    constant: scale c. exponential: scale exp(t ln(c) / T), T being the process's span, from scale down to scale c. snr:
    scale times (1 - c) / (1 + sigma)^2 + c with sigma = snr^(-1/2). In the last one sd-scripts leaves the scale out.
    """
    c, scale, ratios = settings.huber_c, settings.huber_scale, process.snr(t)
    if settings.huber_schedule == "constant":
        return torch.full_like(ratios, scale * c)
    if settings.huber_schedule == "exponential":
        return scale * torch.exp(t.to(ratios) * (math.log(c) / process.span))
    return scale * ((1 - c) / (1 + ratios.rsqrt()) ** 2 + c)

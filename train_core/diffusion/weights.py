"""How much each noise level counts in the loss."""

from __future__ import annotations

import torch
from torch import Tensor


def snr(alphas_cumprod: Tensor) -> Tensor:
    """Signal-to-noise ratio a / (1 - a) of cumulative alphas `a`, any shape (Kingma et al., 2021)."""
    return alphas_cumprod / (1 - alphas_cumprod)


def min_snr_epsilon(snr: Tensor, gamma: float) -> Tensor:
    """Loss weight min(snr, gamma) / snr for models that predict noise (Hang et al., 2023); 1 where snr <= gamma."""
    return torch.clamp(gamma / snr, max=1)  # the same quotient, but 1 and not 0 / 0 where snr is 0


def min_snr_velocity(snr: Tensor, gamma: float) -> Tensor:
    """Loss weight min(snr, gamma) / (snr + 1) for models that predict velocity (Hang et al., 2023)."""
    return torch.clamp(snr, max=gamma) / (snr + 1)

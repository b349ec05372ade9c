"""Weights of noise levels in the loss."""

from __future__ import annotations

import torch
from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.models.family import PredictionType

LARGEST_SNR = 1000  # the first noise levels have next to no noise, and would otherwise count next to nothing


def snr(alphas_cumprod: Tensor) -> Tensor:
    """Signal-to-noise ratio a / (1 - a) of cumulative alphas `a`, any shape (Kingma et al., 2021)."""
    return alphas_cumprod / (1 - alphas_cumprod)


def min_snr_epsilon(snr: Tensor, gamma: float) -> Tensor:
    """Loss weight min(snr, gamma) / snr for models that predict noise (Hang et al., 2023); 1 where snr <= gamma."""
    return torch.clamp(gamma / snr, max=1)  # the same quotient, but 1 and not 0 / 0 where snr is 0


def min_snr_velocity(snr: Tensor, gamma: float) -> Tensor:
    """Loss weight min(snr, gamma) / (snr + 1) for models that predict velocity (Hang et al., 2023)."""
    return torch.clamp(snr, max=gamma) / (snr + 1)


def debiased_epsilon(snr: Tensor) -> Tensor:
    """Loss weight 1 / sqrt(snr) for models that predict noise (Yu et al., 2023), snr at most 1000."""
    return 1 / snr.clamp(max=LARGEST_SNR).sqrt()


def debiased_velocity(snr: Tensor) -> Tensor:
    """Loss weight 1 / (snr + 1) for models that predict velocity, snr at most 1000 (sd-scripts, 2024)."""
    return 1 / (snr.clamp(max=LARGEST_SNR) + 1)


def like_noise_prediction(snr: Tensor) -> Tensor:
    """Loss weight snr / (snr + 1), snr at most 1000, that turns an error in velocity into the error in noise.

    An error d in velocity is one of sqrt(a) d in noise (Salimans and Ho, 2022), and a = snr / (snr + 1).
    """
    limited = snr.clamp(max=LARGEST_SNR)
    return limited / (limited + 1)


def with_velocity_share(snr: Tensor, share: float) -> Tensor:
    """Loss weight 1 + share (snr + 1) / snr: the loss in noise and, times `share`, that same error in velocity."""
    return 1 + share / like_noise_prediction(snr)


def level_weights(alphas_cumprod: Tensor, prediction_type: PredictionType, settings: LossSettings) -> Tensor:
    """Weights of losses at cumulative alphas (B,), likewise (B,), fp32: the product of all weightings that are on."""
    levels, noise = snr(alphas_cumprod), prediction_type == "epsilon"
    weights = torch.ones_like(alphas_cumprod)
    if settings.min_snr_gamma:
        weights = weights * (min_snr_epsilon if noise else min_snr_velocity)(levels, settings.min_snr_gamma)
    if settings.debiased_estimation_loss:
        weights = weights * (debiased_epsilon if noise else debiased_velocity)(levels)
    if settings.scale_v_pred_loss_like_noise_pred:
        weights = weights * like_noise_prediction(levels)
    if settings.v_pred_like_loss:
        weights = weights * with_velocity_share(levels, settings.v_pred_like_loss)
    return weights

"""From a prediction and its target to one loss per sample, as the settings say."""

from __future__ import annotations

from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.loss_weights import level_weights
from train_core.diffusion.losses import absolute, huber, huber_thresholds, smooth_l1, squared
from train_core.diffusion.masking import masked_mean


class LossRecipe:
    """Holds what depends on the noise level alone as tables (T,), on the process's device: one look-up per batch."""

    def __init__(self, settings: LossSettings, process: DDPM) -> None:
        self.kind = settings.loss_type
        alphas = process.alphas_cumprod
        self.weights = level_weights(alphas, process.prediction_type, settings)
        self.thresholds = huber_thresholds(
            alphas, settings.huber_schedule, settings.huber_c, settings.huber_scale
        )

    def per_sample(
        self, prediction: Tensor, target: Tensor, timesteps: Tensor, masks: Tensor | None = None
    ) -> Tensor:
        """Losses (B,), fp32, of predictions (B, C, h, w) where `masks` (B, 1, h, w) count, weighted by noise level."""
        return masked_mean(self.errors(prediction, target, timesteps), masks) * self.weights[timesteps]

    def errors(self, prediction: Tensor, target: Tensor, timesteps: Tensor) -> Tensor:
        """What each number of a prediction (B, C, h, w) adds, fp32, before any weight."""
        difference = prediction.float() - target
        if self.kind == "l2":
            return squared(difference)
        if self.kind == "l1":
            return absolute(difference)
        thresholds = self.thresholds[timesteps].view(-1, 1, 1, 1)
        return (huber if self.kind == "huber" else smooth_l1)(difference, thresholds)

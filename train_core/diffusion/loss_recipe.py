"""Loss of each sample from a prediction and its target, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.losses import absolute, huber, huber_thresholds, smooth_l1, squared
from train_core.diffusion.masking import masked_mean
from train_core.diffusion.process import Process


@dataclass(frozen=True)
class LossRecipe:
    """Recipe of the loss: how errors count, and how much each noise level does. Computed on the process's device."""

    settings: LossSettings
    process: Process

    def per_sample(self, prediction: Tensor, target: Tensor, t: Tensor, masks: Tensor | None = None) -> Tensor:
        """Losses (B,), fp32, of predictions (B, C, h, w) where `masks` (B, 1, h, w) count, weighted by noise level."""
        return masked_mean(self.errors(prediction, target, t), masks) * self.process.weight(t, self.settings)

    def errors(self, prediction: Tensor, target: Tensor, t: Tensor) -> Tensor:
        """The contribution of each number of a prediction (B, C, h, w), fp32, before any weight."""
        difference = prediction.float() - target
        kind = self.settings.loss_type
        if kind == "l2":
            return squared(difference)
        if kind == "l1":
            return absolute(difference)
        thresholds = huber_thresholds(self.process, t, self.settings).view(-1, 1, 1, 1)
        return (huber if kind == "huber" else smooth_l1)(difference, thresholds)

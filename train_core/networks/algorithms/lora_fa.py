"""LoRA-FA (Zhang et al., 2023): the first map of a LoRA stays as it was drawn, only the second is trained."""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from train_core.facts.adapters.options import LayerOptions
from train_core.networks.algorithms.lora import LoraLayer
from train_core.networks.weight_change import Frozen


class LoraFaLayer(LoraLayer):
    """A LoRA whose `lora_down` is drawn from a normal distribution, as wide as LoRA's uniform one, and never changes.

    Of its input only rank numbers are kept for the backward pass. Files are those of a LoRA.
    """

    fixed: ClassVar[frozenset[str]] = frozenset({"lora_down"})

    def __init__(self, base: Frozen, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, options, generator)
        inputs = self.lora_down[0].numel()
        start = torch.randn(self.lora_down.shape, generator=generator) / math.sqrt(3 * inputs)
        self.lora_down.data.copy_(start)
        self.lora_down.requires_grad_(False)

"""The adapter algorithms by the name that users choose (`LoRA_type`). A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from train_core.networks.layer import AdapterLayer, LayerOptions
from train_core.networks.lora import LoraLayer

Algorithm = Callable[[nn.Linear | nn.Conv2d, LayerOptions, torch.Generator], AdapterLayer]

ALGORITHMS: dict[str, Algorithm] = {
    "Standard": LoraLayer,
}

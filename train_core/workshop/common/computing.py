"""Where a tool that runs a model computes, and in which numbers."""

from __future__ import annotations

from typing import Literal

import torch
from accelerate import Accelerator

from train_core.config.problems import Problem, UserError
from train_core.workshop.common.results import DTYPES

Precision = Literal["auto", "float", "bf16", "fp16"]


def device_and_dtype(precision: Precision, on_cpu: bool, refused: Problem) -> tuple[torch.device, torch.dtype]:
    """The device, and the number format that `precision` asks for: auto is bf16 on cards that have it, else fp32.

    Raises UserError with `refused` for fp16 on a processor.
    """
    device = Accelerator(mixed_precision="no", cpu=on_cpu).device
    if precision == "auto":
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return device, torch.bfloat16 if has_bf16 else torch.float32
    if precision == "fp16" and device.type == "cpu":
        raise UserError(refused)
    return device, DTYPES[precision]

"""The device and number format of a job, chosen explicitly and never by what other tools left behind."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import nn

from train_core.config.checks.consistency import fp16_on_cpu
from train_core.config.problems import Problem, problem
from train_core.config.sections.launch import LaunchSettings
from train_core.config.sections.training import Precision

DTYPES: dict[str, torch.dtype] = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def make_accelerator(launch: LaunchSettings) -> Accelerator:
    """Accelerate's view of devices and processes. It casts nothing: the base is held in the compute dtype instead."""
    return Accelerator(mixed_precision="no", cpu=launch.use_cpu)


def compute_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The number format used for computing: fp32 in place of bf16 on a processor that has no bf16."""
    return DTYPES["no" if precision == "bf16" and not has_bf16(device) else precision]


def has_bf16(device: torch.device) -> bool:
    """Whether `device` has instructions for bf16. Processors without them do it fifty times slower than fp32."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return True
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def precision_remarks(precision: Precision, device: torch.device) -> list[Problem]:
    """Notices if computing uses another number format than the settings say."""
    if precision != "bf16" or has_bf16(device):
        return []
    return [
        problem(
            "bf16_not_in_this_processor",
            "mixed_precision = bf16, but this processor has no bf16 instructions and would be many times slower, so "
            "fp32 is used instead. It needs more memory.",
        )
    ]


def precision_problems(precision: Precision, device: torch.device) -> list[Problem]:
    """Problems with using `precision` on `device`."""
    if precision == "fp16" and device.type == "cpu":
        return [fp16_on_cpu()]
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return [
            problem(
                "bf16_not_supported",
                "{card} does not support bf16. Set mixed_precision to fp16.",
                card=torch.cuda.get_device_name(device),
            )
        ]
    return []


def share(accelerator: Accelerator, model: nn.Module, all_used: bool = True) -> nn.Module:
    """`model` itself, or wrapped so that several processes exchange its gradients.

    `all_used` says that every parameter takes part in every step; finding out which do costs time.
    """
    if accelerator.num_processes == 1:
        return model
    ids = [accelerator.device.index] if accelerator.device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(model, device_ids=ids, find_unused_parameters=not all_used)

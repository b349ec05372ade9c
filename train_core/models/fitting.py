"""Fitting a loaded model to the card: what its frozen weights are held in, how attention is calculated, compiling."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from train_core.config.problems import UserError, problem
from train_core.config.sections.memory import MemorySettings
from train_core.models.family import Family
from train_core.models.quantised import heaviest_blocks, hold

# One compiled form for each size of picture and width of block; torch gives up at 8 unless told otherwise.
COMPILED_FORMS = 256
KERNELS = ("flash", "mem_efficient", "cudnn", "math")
KERNEL_OF = {"flash": "flash", "efficient": "mem_efficient", "cudnn": "cudnn", "math": "math"}


def parts_to_hold(family: Family, memory: MemorySettings) -> set[str]:
    """The parts of `family` whose weights are kept quantised or away from the card."""
    parts = {family.denoiser} if memory.blocks_to_swap else set()
    if memory.base_precision != "same":
        parts |= {family.denoiser} if memory.base_precision_parts == "unet" else {family.denoiser, *family.text_parts}
    return parts


def hold_base(family: Family, memory: MemorySettings, device: torch.device | str) -> None:
    """Have the layers that adapters sit on keep their weights as `memory` says; norms and the like stay as they are."""
    parts = parts_to_hold(family, memory)
    targets = [
        target for target in family.targets()
        if target.part in parts and target.in_block and not target.is_norm
    ]
    swapped = heaviest_blocks(targets, memory.blocks_to_swap)
    text_precision = memory.base_precision if memory.base_precision_parts == "all" else "same"
    for target in targets:
        away = target.in_denoiser and target.block in swapped
        precision = memory.base_precision if target.in_denoiser else text_precision
        if away or precision != "same":
            hold(target.module, precision, away, device)
    for name in {target.part for target in targets}:
        family.modules[name].to(device)


def choose_attention(family: Family, memory: MemorySettings, dtype: torch.dtype, device: torch.device) -> None:
    """Let attention use the kernel that `memory` names. Raises UserError where this device or program lacks it.

    PyTorch's choice holds for the whole process, "auto" included: another job may have chosen before.
    """
    wanted = memory.attention
    if wanted == "xformers":
        _use_xformers(family.modules[family.denoiser])
        return
    for kernel in KERNELS:
        getattr(torch.backends.cuda, f"enable_{kernel}_sdp")(wanted == "auto" or KERNEL_OF[wanted] == kernel)
    probe = torch.zeros(1, 1, 64, 64, dtype=dtype, device=device)
    try:
        F.scaled_dot_product_attention(probe, probe, probe)
    except RuntimeError as error:
        raise _no_attention(wanted, str(error)) from error


def attend_without_gradients(family: Family) -> None:
    """Let the denoiser of `family` use the fused kernel at any width: in narrow models its backward pass alone is slow.

    For what never learns; see `unet_part.NARROW`.
    """
    from diffusers.models.attention_processor import AttnProcessor2_0  # noqa: PLC0415 - as in `unet_part`

    denoiser: Any = family.modules[family.denoiser]
    denoiser.set_attn_processor(AttnProcessor2_0())


def _use_xformers(denoiser: Any) -> None:
    try:
        denoiser.enable_xformers_memory_efficient_attention()
    except (ImportError, ModuleNotFoundError, ValueError, NotImplementedError) as error:
        raise _no_attention("xformers", str(error)) from error


def _no_attention(wanted: str, reason: str) -> UserError:
    return UserError(
        problem(
            "attention_unavailable",
            "attention = {wanted} cannot be used here: {reason}. Set it to auto, which picks the best one available.",
            wanted=wanted, reason=(reason.splitlines() or [""])[0].rstrip("."),
        )
    )


def compile_denoiser(family: Family, memory: MemorySettings) -> None:
    """Have torch compile the blocks that the denoiser repeats, each when it is first used."""
    if memory.dynamo_backend == "no":
        return
    torch._dynamo.config.recompile_limit = COMPILED_FORMS
    options: dict[str, Any] = {"backend": memory.dynamo_backend, "fullgraph": memory.dynamo_use_fullgraph}
    if memory.dynamo_backend == "inductor" and memory.dynamo_mode != "default":
        options["mode"] = memory.dynamo_mode
    denoiser: Any = family.modules[family.denoiser]
    denoiser.compile_repeated_blocks(dynamic=memory.dynamo_use_dynamic, **options)

"""Ways to fit a run onto a smaller card, or to make it faster on the same one."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import all_of, when
from train_core.config.sections.method import ON_FROZEN_MODEL
from train_core.config.setting import Section, setting

BasePrecision = Literal["same", "fp8", "int8", "nf4"]
BaseParts = Literal["unet", "all"]
Attention = Literal["auto", "flash", "efficient", "cudnn", "math", "xformers"]
DynamoBackend = Literal["no", "inductor", "eager", "aot_eager", "cudagraphs"]
DynamoMode = Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]

COMPILED = when("dynamo_backend", "inductor", "eager", "aot_eager", "cudagraphs")
IN_FEWER_BITS = all_of(ON_FROZEN_MODEL, when("base_precision", "fp8", "int8", "nf4"))


class MemorySettings(Section, title="Memory and speed"):
    gradient_checkpointing: bool = setting(
        False, "Saves memory, but training takes about a third longer.", label="Gradient checkpointing",
    )
    cpu_offload_checkpointing: bool = setting(
        False, "Keep the data of gradient checkpointing in main memory instead of on the card.",
        label="Checkpoints in main memory", applies_to=when("gradient_checkpointing", True), advanced=True,
    )
    full_half: bool = setting(
        False, "Also keep the trained weights and their gradients in bf16 or fp16 (full_bf16, full_fp16). Saves little "
        "with small adapters.", label="Full bf16 or fp16", applies_to=when("mixed_precision", "bf16", "fp16"),
        advanced=True,
    )
    base_precision: BasePrecision = setting(
        "same", "Keep the frozen base model in fewer bits: fp8 and int8 halve its size, nf4 quarters it. A little "
        "slower, and not exactly the same model.", label="Base model precision", advanced=True,
        applies_to=ON_FROZEN_MODEL,
    )
    base_precision_parts: BaseParts = setting(
        "unet", "What is kept in fewer bits: the U-Net, or the text encoders too.", label="Parts in fewer bits",
        applies_to=IN_FEWER_BITS, advanced=True,
    )
    blocks_to_swap: int = setting(
        0, "Keep this many of the U-Net's heaviest blocks (SD has 25, SDXL 23) in main memory and move each to the "
        "card only when it is needed. Slower.", label="Blocks to swap", unit="blocks", ge=0, le=25, advanced=True,
        applies_to=ON_FROZEN_MODEL,
    )
    attention: Attention = setting(
        "auto", "How attention is calculated. auto lets PyTorch choose the best way for the card; xformers has to be "
        "installed separately.", label="Attention", advanced=True,
    )
    dynamo_backend: DynamoBackend = setting(
        "no", "Compile the U-Net with torch.compile; inductor is the usual choice. The first steps take minutes, later "
        "ones are faster.", label="Compile with", advanced=True,
    )
    dynamo_mode: DynamoMode = setting(
        "default", "How hard the compiler optimises.", label="Compile mode",
        applies_to=when("dynamo_backend", "inductor"), advanced=True,
    )
    dynamo_use_fullgraph: bool = setting(
        False, "Stop with an error if something cannot be compiled, instead of leaving it uncompiled.",
        label="Compile in one piece", applies_to=COMPILED, advanced=True,
    )
    dynamo_use_dynamic: bool = setting(
        False, "Compile once for all image sizes, instead of once for each bucket.", label="Compile for all sizes",
        applies_to=COMPILED, advanced=True,
    )

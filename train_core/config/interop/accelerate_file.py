"""FSDP settings from a config file of accelerate's: how the model is shared out over the processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.problems import Problem, UserError, problem
from train_core.config.untrusted import reason_of, text_of
from train_core.config.untrusted_yaml import YAML_BYTES, yaml_of

BLOCKS = ("BasicTransformerBlock", "ResnetBlock2D")
BLOCK_CLASSES = "fsdp_transformer_layer_cls_to_wrap"
# How shares of a frozen model are held, and what is done anyway with those of one that learns.
HOLDING: dict[str, tuple[Any, ...]] = {
    "fsdp_reshard_after_forward": (True, "true"), "fsdp_offload_params": (False, "false"),
}  # fmt: skip
# Values that `accelerate config` writes of its own accord, and that say nothing against what is done here.
HARMLESS: dict[str, tuple[Any, ...]] = {
    "fsdp_version": (1, 2), "fsdp_auto_wrap_policy": ("TRANSFORMER_BASED_WRAP",), "fsdp_use_orig_params": (True,),
    "fsdp_sharding_strategy": ("FULL_SHARD", 1), "fsdp_sync_module_states": (True,),
    "fsdp_cpu_ram_efficient_loading": (True, False), "fsdp_forward_prefetch": (False,),
    "fsdp_activation_checkpointing": (False,), "fsdp_backward_prefetch": ("BACKWARD_PRE",),
    "fsdp_state_dict_type": ("SHARDED_STATE_DICT", "FULL_STATE_DICT"),
}  # fmt: skip


@dataclass(frozen=True)
class Sharding:
    """Each process keeps a share of the U-Net's weights and gathers those of a block when it is computed.

    `blocks` are the classes of the modules that are gathered one at a time. With `reshard` they are let go again before
    the backward pass; with `offload` shares are kept in main memory.
    """

    blocks: tuple[str, ...] = BLOCKS
    reshard: bool = True
    offload: bool = False


def read_sharding(path: Path, learning: bool = False) -> tuple[Sharding, list[Problem]]:
    """Read FSDP settings from the file at `path`, and what in it is not used. UserError for a file without them.

    Weights that are `learning` are always let go of before the backward pass, and shares of them stay on the card.
    """
    said = _yaml(path)
    if str(said.get("distributed_type")).upper() == "DEEPSPEED" or said.get("deepspeed_config"):
        raise UserError(
            problem(
                "deepspeed_refused",
                "{path} asks for DeepSpeed, whose own training engine can be neither resumed exactly nor checked here. "
                "FSDP can shard the model too: run accelerate config again and choose it.",
                path=str(path),
            )
        )
    fsdp = said.get("fsdp_config")
    if not isinstance(fsdp, Mapping) or not fsdp:
        raise UserError(
            problem(
                "accelerate_file_without_fsdp",
                "{path} has no fsdp_config, and nothing else in it is used: processes, machines and the like are set "
                "here. Choose FSDP in accelerate config, or clear accelerate_config.",
                path=str(path),
            )
        )
    names = str(fsdp.get(BLOCK_CLASSES) or "")
    sharding = Sharding(
        tuple(name.strip() for name in names.split(",") if name.strip()) or BLOCKS,
        learning or fsdp.get("fsdp_reshard_after_forward", True) not in (False, "false"),
        not learning and bool(fsdp.get("fsdp_offload_params")),
    )
    return sharding, _unused(path, fsdp, {BLOCK_CLASSES} if learning else {BLOCK_CLASSES, *HOLDING})


def _yaml(path: Path) -> dict[str, Any]:
    try:
        said = yaml_of(text_of(path, YAML_BYTES))
    except (OSError, ValueError) as error:
        raise UserError(
            problem(
                "accelerate_file_unreadable",
                "accelerate_config = {path} cannot be read: {reason}. Choose a file written by accelerate config.",
                path=str(path), reason=reason_of(error),
            )
        ) from error
    return said if isinstance(said, dict) else {}


def _unused(path: Path, fsdp: Mapping[str, Any], known: set[str]) -> list[Problem]:
    harmless = HARMLESS | HOLDING
    unused = sorted(
        f"{name} = {value}" for name, value in fsdp.items()
        if name not in known and value is not None and value not in harmless.get(name, ())
    )
    if not unused:
        return []
    return [
        problem(
            "fsdp_settings_unused",
            "{path}: these settings have no effect here: {names}. Blocks are always gathered one at a time and saved "
            "whole; for checkpointing, use gradient_checkpointing.",
            path=str(path), names="; ".join(unused),
        )
    ]

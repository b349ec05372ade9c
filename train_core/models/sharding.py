"""A frozen U-Net whose weights are shared out over the processes (FSDP; Zhao et al., 2023)."""

from __future__ import annotations

import torch
import torch.distributed as dist

from train_core.config.interop.accelerate_file import Sharding
from train_core.config.problems import UserError, problem
from train_core.models.family import Family


def share_out(family: Family, sharding: Sharding, device: torch.device) -> None:
    """Leave each process a share of the U-Net's weights. Raises UserError where no block has the names given.

    From then on every process has to call the U-Net as often as the others do: a block's weights are gathered from all.
    What asks for the U-Net's layers by their classes, as adapters do, has to come before.
    """
    # Takes long, and few runs share a model out.
    from torch.distributed.device_mesh import init_device_mesh  # noqa: PLC0415
    from torch.distributed.fsdp import CPUOffloadPolicy, OffloadPolicy, fully_shard  # noqa: PLC0415

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    policy = CPUOffloadPolicy() if sharding.offload and device.type != "cpu" else OffloadPolicy()
    denoiser = family.modules[family.denoiser]
    blocks = [module for module in denoiser.modules() if type(module).__name__ in sharding.blocks]
    if not blocks:
        raise UserError(
            problem(
                "no_blocks_to_shard",
                "The U-Net has no block of the classes {names} (fsdp_transformer_layer_cls_to_wrap). Remove that line "
                "to shard its usual blocks.",
                names=", ".join(sharding.blocks),
            )
        )
    for module in (*blocks, denoiser):
        fully_shard(module, mesh=mesh, reshard_after_forward=sharding.reshard, offload_policy=policy)
    family.shared_out = True

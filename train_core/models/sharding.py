"""Weights of a model that are shared out over the processes (FSDP; Zhao et al., 2023), whether they learn or not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from train_core.config.interop.accelerate_file import Sharding
from train_core.config.problems import UserError, problem
from train_core.data.processes import give, take, tell
from train_core.models.family import Family
from train_core.models.text.text_states import inner_encoder


def share_out(family: Family, sharding: Sharding, device: torch.device, learning: Collection[str] = ()) -> None:
    """Leave each process a share of the weights of the denoiser, and of the parts that are `learning`.

    Raises UserError where no block has the names given. From then on every process has to call those parts as often as
    the others do: a block's weights are gathered from all, and gradients are their mean over the processes. What asks
    for the layers by their classes, as adapters do, has to come before.
    """
    # Takes long, and few runs share a model out.
    from torch.distributed.device_mesh import init_device_mesh  # noqa: PLC0415
    from torch.distributed.fsdp import (  # noqa: PLC0415
        CPUOffloadPolicy,
        MixedPrecisionPolicy,
        OffloadPolicy,
        fully_shard,
    )

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    offload = CPUOffloadPolicy() if sharding.offload and device.type != "cpu" else OffloadPolicy()
    parts = [family.denoiser, *sorted(set(learning) - {family.denoiser})]
    for part in parts:
        # Of weights in fp32 that autocast would round for each use, what is gathered is rounded already.
        precision = MixedPrecisionPolicy(family.autocast.get(part), torch.float32, cast_forward_inputs=False)
        module = family.modules[part]
        for weight in module.parameters():
            weight.data = weight.data.contiguous()  # FSDP takes no others, and files have some that are transposed
        for one in _blocks_of(module, sharding.blocks) if part == family.denoiser else _text_blocks_of(module):
            fully_shard(
                one, mesh=mesh, reshard_after_forward=sharding.reshard, offload_policy=offload, mp_policy=precision
            )
    family.shared_out = frozenset(parts)


def _blocks_of(denoiser: nn.Module, names: Collection[str]) -> list[nn.Module]:
    """The blocks of the denoiser whose classes have these names, inner ones first, and itself with what is in none."""
    blocks = [module for module in denoiser.modules() if type(module).__name__ in names]
    if not blocks:
        raise UserError(
            problem(
                "no_blocks_to_shard",
                "The U-Net has no block of the classes {names} (fsdp_transformer_layer_cls_to_wrap). Remove that line "
                "to shard its usual blocks.",
                names=", ".join(names),
            )
        )
    return [*reversed(blocks), denoiser]


def _text_blocks_of(module: Any) -> list[nn.Module]:
    """All that a text encoder consists of; itself has to keep its class, by which transformers knows its outputs."""
    core = inner_encoder(module)
    projection = [module.text_projection] if hasattr(module, "text_projection") else []
    return [core.embeddings, *core.encoder.layers, core.final_layer_norm, *projection]


class Shares:
    """What the processes hold of weights that learn: the share of this one, and how the main one gets them whole."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._rank, self._number = dist.get_rank(), dist.get_world_size()

    def of(self, weight: nn.Parameter) -> nn.Parameter:
        """This process's share of a `weight`, as a parameter in the same memory that gets the weight's gradients."""
        held: Any = weight.detach()
        share = nn.Parameter(held.to_local())

        def hand_over(weight: Any) -> None:
            grad, weight.grad = weight.grad.to_local(), None
            share.grad = grad if share.grad is None else share.grad.add_(grad)

        weight.register_post_accumulate_grad_hook(hand_over)
        return share

    def cut(self, whole: Tensor) -> Tensor:
        """This process's share of the values of a `whole` weight."""
        pieces = whole.chunk(self._number)
        return pieces[self._rank] if self._rank < len(pieces) else whole[:0]

    def norm(self, own: Tensor) -> Tensor:
        """The norm of the gradients of all processes, a scalar, from that of this process's `own`."""
        total = own.double().square()
        dist.all_reduce(total)
        return total.sqrt().to(own.dtype)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Context in which the main process may ask for `whole` weights; the others enter it when that one leaves."""
        if self._rank > 0:
            while place := tell(None):
                if (share := self._held(*place)).numel():
                    give(share)
            yield
            return
        try:
            yield
        finally:
            tell(None)

    def whole(self, part: str, name: str) -> Tensor:
        """The values of a tensor of `part`, on the CPU of the main process, while the others lend their shares."""
        tensor = attrgetter(name)(self._family.modules[part])
        if not isinstance(tensor, nn.Parameter):
            return tensor.detach().cpu()  # a buffer, which every process has
        tell((part, name))
        values = torch.empty(tensor.shape, dtype=tensor.dtype)
        for rank, piece in enumerate(values.chunk(self._number)):
            if rank == 0:
                piece.copy_(self._held(part, name))
            else:
                take(piece, rank)
        return values

    def _held(self, part: str, name: str) -> Tensor:
        """This process's share of a weight, on the CPU."""
        weight: Any = attrgetter(name)(self._family.modules[part]).detach()
        return weight.to_local().cpu()

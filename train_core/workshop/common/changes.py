"""An adapter's changes as matrices: the product of small ones where the algorithm makes it so, else whole."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from train_core.config.problems import Problem, UserError, problem
from train_core.networks.algorithms.loha import LohaLayer
from train_core.networks.algorithms.lora import LoraLayer
from train_core.networks.algorithms.names import IN_WORDS
from train_core.networks.files.merging import change_by, needs_weight
from train_core.networks.files.module import SPARSE, Module
from train_core.networks.files.reading import AdapterFile
from train_core.workshop.common.algebra import Factors, norm_of

Change = Factors | Tensor
# Layers whose kernels look beyond their own place, by the end of their key: in diffusers' names and in Stability's.
WIDE = re.compile(
    r"lora_unet_(.*(resnets_\d+_conv[12]|(down|up)samplers_0_conv|_in_layers_2|_out_layers_3|_0_op|_[12]_conv)"
    r"|conv_in|conv_out|input_blocks_0_0|out_2)"
)
KERNEL = 3
PLAIN = ("diff_b", "w_norm", "b_norm")


def change_of(module: Module) -> Change:
    """The change as a matrix (out, in · kh · kw) in fp32, strength by alpha included.

    Raises `UserError` if it depends on the weight that it changes, which only a base model has.
    """
    if needs_weight(module):
        raise UserError(_needs_base(module))
    if module.algorithm is LoraLayer and SPARSE[0] not in module.tensors:
        return _of_lora(module.read())
    if module.algorithm is LohaLayer and "hada_t1" not in module.tensors:
        values = module.read()
        rank = len(values["hada_w1_b"])
        if rank**2 < min(len(values["hada_w1_a"]), values["hada_w1_b"].shape[1]):
            return _of_loha(values, rank)
    shape = module.algorithm.shape_in(module.looks())
    return change_by(module, shape, None).flatten(1) if len(shape) > 1 else change_by(module, shape, None)[:, None]


def _of_lora(values: Mapping[str, Tensor]) -> Factors:
    up, down, core = values["lora_up.weight"].flatten(1), values["lora_down.weight"], values.get("lora_mid.weight")
    strength = float(values["alpha"]) / max(len(down), 1) if "alpha" in values else 1.0
    if core is not None:  # (rank, rank, kh, kw) and (rank, in): together (rank, in, kh, kw)
        down = torch.einsum("mn...,ni->mi...", core, down.flatten(1))
    return Factors(up * strength, down.flatten(1))


def _of_loha(values: Mapping[str, Tensor], rank: int) -> Factors:
    """(A₁B₁) ∘ (A₂B₂) has rank² ranks: every column of A₁ with every one of A₂, and so the rows of B."""
    strength = float(values["alpha"]) / rank if "alpha" in values else 1.0
    up = (values["hada_w1_a"][:, :, None] * values["hada_w2_a"][:, None, :]).flatten(1)
    down = (values["hada_w1_b"][:, None, :] * values["hada_w2_b"][None, :, :]).flatten(0, 1)
    return Factors(up * strength, down)


def beside(module: Module) -> dict[str, Tensor]:
    """What a module holds besides the change of its weight, in fp32: it has no rank, and adds up as it is."""
    return {name: module.tensors[name].read().float() for name in PLAIN if name in module.tensors}


def norm_of_change(change: Change) -> float:
    """The Frobenius norm of the change."""
    return norm_of(change) if isinstance(change, Factors) else float(change.double().norm())


def dense(change: Change) -> Tensor:
    """The change as one matrix."""
    return change.dense() if isinstance(change, Factors) else change


def shape_of(key: str, module: Module) -> torch.Size:
    """The shape of the weight that is changed, (out, in) or (out, in, kh, kw); some algorithms' files do not say it."""
    shape = module.algorithm.shape_in(module.looks())
    inputs = math.prod(shape[1:])
    if len(shape) == 2 and is_wide(key) and inputs % KERNEL**2 == 0:
        return torch.Size((shape[0], inputs // KERNEL**2, KERNEL, KERNEL))
    return shape


def is_wide(key: str) -> bool:
    """Whether the layer with this key is a convolution with a kernel larger than 1x1."""
    return WIDE.fullmatch(key) is not None


def require_free_of_base(file: AdapterFile) -> None:
    """Raise `UserError` if the adapter has changes that have a meaning only with a base model."""
    for module in file.modules.values():
        if needs_weight(module):
            raise UserError(_needs_base(module, file))


def _needs_base(module: Module, file: AdapterFile | None = None) -> Problem:
    algorithm = "DoRA" if "dora_scale" in module.tensors else IN_WORDS[module.algorithm]
    return problem(
        "change_needs_base",
        "{file}: what {algorithm} changes depends on the weights it is applied to, so it has no matrix of its own. "
        "Merge it into a checkpoint, and extract an adapter from that if you need one.",
        file=str(file.path) if file else "", algorithm=algorithm,
    )


def lora_tensors(factors: Factors, shape: torch.Size, alpha: float | None = None) -> dict[str, Tensor]:
    """The tensors of a LoRA for a weight of this shape that makes this change; its alpha is the rank, that is, 1."""
    rank, kernel = factors.rank, shape[2:]
    alpha = float(rank) if alpha is None else alpha
    scale = rank / alpha
    ones = [1 for _ in kernel]
    return {
        "lora_up.weight": (factors.up * scale).reshape(shape[0], rank, *ones),
        "lora_down.weight": factors.down.reshape(rank, shape[1], *kernel),
        "alpha": torch.tensor(alpha),
    }

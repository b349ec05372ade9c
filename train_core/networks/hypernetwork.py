"""The networks of a hypernetwork, and how attention reads through them (facts on the form: A1111's own).

For each width of what attention reads, two networks are shared by all attentions of that width: keys are computed from
x + network(x) of the first, values from that of the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from train_core.config.problems import UserError, problem
from train_core.config.syntax.hypernetworks import Structure
from train_core.facts.adapters.hypernetwork_files import is_activated
from train_core.facts.seeds import seed_for
from train_core.models.family import Target
from train_core.models.quantised import shape_of
from train_core.networks.attach import Adapter
from train_core.networks.dropout_masks import Draws, Named
from train_core.networks.layer import Forward, Layer

SIDES = {"to_k": 0, "to_v": 1}
SPREAD = 0.01  # of normal starts
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "leakyrelu": nn.LeakyReLU, "elu": nn.ELU, "swish": nn.Hardswish, "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid, "celu": nn.CELU, "gelu": nn.GELU, "hardshrink": nn.Hardshrink,
    "hardsigmoid": nn.Hardsigmoid, "hardtanh": nn.Hardtanh, "logsigmoid": nn.LogSigmoid, "mish": nn.Mish,
    "relu6": nn.ReLU6, "selu": nn.SELU, "silu": nn.SiLU, "softplus": nn.Softplus, "softshrink": nn.Softshrink,
    "softsign": nn.Softsign, "tanhshrink": nn.Tanhshrink,
}  # fmt: skip


class ContextNetwork(nn.Module):
    """A small network on what attention reads, (B, tokens, `width`). Its state has the names that files have."""

    def __init__(self, width: int, structure: Structure, generator: torch.Generator) -> None:
        super().__init__()
        widths, steps = structure.widths(width), list[nn.Module]()
        for layer, (before, after) in enumerate(pairwise(widths)):
            steps.append(nn.utils.skip_init(nn.Linear, before, after))
            if is_activated(structure, layer):
                steps.append(ACTIVATIONS[structure.activation]())
            if structure.layer_norm:
                steps.append(nn.LayerNorm(after))
            if structure.dropout[layer + 1]:
                steps.append(SeededDropout(structure.dropout[layer + 1]))
        self.linear = nn.Sequential(*steps)
        for step in steps:
            if isinstance(step, nn.Linear | nn.LayerNorm):
                _start(step, structure, generator)

    def change(self, x: Tensor, draws: Draws, place: Named) -> Tensor:
        """What is added to `x` before the layer `place`, in its dtype."""
        y = x
        for number, step in enumerate(self.linear):
            if isinstance(step, nn.Linear):
                y = functional.linear(y, step.weight.to(x.dtype), step.bias.to(x.dtype))
            elif isinstance(step, nn.LayerNorm):
                y = functional.layer_norm(
                    y, step.normalized_shape, step.weight.to(x.dtype), step.bias.to(x.dtype), step.eps
                )
            elif isinstance(step, SeededDropout):
                if step.training:
                    y = y * draws.mask(place, str(number), y.shape, step.chance, y.device).to(y.dtype)
            else:
                y = step(y)
        return y


class SeededDropout(nn.Module):
    """Stands where values are left out with `chance`; the network itself draws which."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance


@torch.no_grad()
def _start(step: nn.Linear | nn.LayerNorm, structure: Structure, generator: torch.Generator) -> None:
    """Give a layer the values that it starts with. A1111 starts norms near 0 too, so that nothing changes at first."""
    step.bias.zero_()
    activation: Literal["leaky_relu", "relu"] = "leaky_relu" if structure.activation == "leakyrelu" else "relu"
    if isinstance(step, nn.LayerNorm) or structure.init == "Normal":
        step.weight.normal_(0.0, SPREAD, generator=generator)
    elif structure.init == "XavierUniform":
        nn.init.xavier_uniform_(step.weight, generator=generator)
    elif structure.init == "XavierNormal":
        nn.init.xavier_normal_(step.weight, generator=generator)
    elif structure.init == "KaimingUniform":
        nn.init.kaiming_uniform_(step.weight, nonlinearity=activation, generator=generator)
    else:
        nn.init.kaiming_normal_(step.weight, nonlinearity=activation, generator=generator)


class ContextLayer(Layer):
    """Lets one key or value layer of attention read through a network, which others share; see `Adapter`.

    The network is held outside of the registered submodules: it trains, but once for all layers.
    """

    network: ContextNetwork

    def __init__(self, base: nn.Module, network: ContextNetwork) -> None:
        super().__init__(base)
        self.__dict__["network"] = network

    def along(self, x: Tensor, rest: Forward) -> Tensor:
        return rest(x + self.strength * self.network.change(x, self.draws, self))


def context_widths(targets: Iterable[Target]) -> list[int]:
    """The widths of all that the attentions among `targets` read, smallest first."""
    return sorted({shape_of(target.module)[1] for target in _readers(targets)})


def networks_for(widths: Iterable[int], structure: Structure, seed: int) -> nn.ModuleDict:
    """A pair of new networks for each width: their parameters are named `768.0.linear.0.weight`, as in files.

    Each one's start follows from `seed` and its own place, so that leaving out widths changes no other's.
    """

    def network(width: int, side: int) -> ContextNetwork:
        generator = torch.Generator().manual_seed(seed_for(seed, 0, 0, f"hypernetwork {width} {side}"))
        return ContextNetwork(width, structure, generator)

    return nn.ModuleDict({str(width): nn.ModuleList([network(width, side) for side in (0, 1)]) for width in widths})


def hypernetwork_on(targets: Iterable[Target], networks: nn.ModuleDict) -> Adapter[ContextLayer]:
    """The layers, not yet attached, through which the attentions among `targets` read by `networks`."""
    by_width: Mapping[str, Any] = dict(networks.items())
    readers = [target for target in _readers(targets) if str(shape_of(target.module)[1]) in by_width]
    layers = {
        target.file_key: ContextLayer(
            target.module, by_width[str(shape_of(target.module)[1])][SIDES[target.path.rpartition(".")[2]]]
        )
        for target in readers
    }
    return Adapter(layers, {target.file_key: target.part for target in readers})


def require_known(wanted: Iterable[int], known: list[int], source: str) -> None:
    """Raise `UserError` if the base model has no attention of a width that `source`, a setting or a file, is for."""
    missing = sorted(set(wanted) - set(known))
    if missing:
        raise UserError(
            problem(
                "hypernetwork_width_missing",
                "{source} has a network for the width {width}, but nothing that attention reads in this base model is "
                "that wide: it has {known}. It belongs to another kind of base model.",
                source=source, width=missing[0], known=", ".join(map(str, known)),
            )
        )


def _readers(targets: Iterable[Target]) -> list[Target]:
    """The layers that make keys and values in the denoiser's attentions."""
    return [target for target in targets if target.in_denoiser and target.path.rpartition(".")[2] in SIDES]

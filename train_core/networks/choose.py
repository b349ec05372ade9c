"""Choice of the layers that get an adapter, of its algorithm, and of its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from train_core.config.interop.lora_types import ARGUMENTS, OF_ALGO
from train_core.config.problems import UserError, problem
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.syntax.arguments import parse_numbers
from train_core.config.syntax.layer_presets import LayerPreset, Override, layer_preset
from train_core.kinds import BlockLayout
from train_core.models.family import Target
from train_core.networks.algorithms.full import NormLayer
from train_core.networks.algorithms.names import ALGORITHMS
from train_core.networks.weight_change import LayerOptions, WeightChange

OPTIONS = {one.name for one in fields(LayerOptions)}


@dataclass(frozen=True)
class Chosen:
    """A layer that gets an adapter."""

    target: Target
    algorithm: type[WeightChange]
    options: LayerOptions


@dataclass(frozen=True)
class _Size:
    rank: int
    alpha: float


class Chooser:
    """Applies the settings to one target after the other. Raises `UserError` for settings that do not suit the model.

    `layout` is that of the U-Net's blocks.
    """

    def __init__(self, network: NetworkSettings, algorithm: AlgorithmSettings, layout: BlockLayout) -> None:
        self.network = network
        self.plain = _options(network, algorithm)
        self.preset: LayerPreset = layer_preset(network.LyCORIS_preset, trains_convolutions(network))
        self.blocks = sum(layout)
        self.dims, self.alphas = self._per_block("block_dims"), self._per_block("block_alphas")
        self.conv_dims, self.conv_alphas = self._per_block("conv_block_dims"), self._per_block("conv_block_alphas")

    def choose(self, targets: Sequence[Target]) -> list[Chosen]:
        """Choose those of `targets` that get an adapter, in their order."""
        return [chosen for target in targets if (chosen := self._chosen(target)) is not None]

    def _chosen(self, target: Target) -> Chosen | None:
        if not self.trains(target) or not self.preset.takes(target.in_denoiser, target.paths, target.owners):
            return None
        if target.is_norm:
            norms = self.network.train_norm
            return Chosen(target, NormLayer, self.plain) if norms else None
        own = self.preset.override(target.paths, target.owners)
        size = self._size(target, own)
        if size is None:
            return None
        algorithm = ALGORITHMS[_algorithm(own, self.network)]
        return Chosen(target, algorithm, replace(self.plain, rank=size.rank, alpha=size.alpha, **_extra(own)))

    def trains(self, target: Target) -> bool:
        """Whether layers of the part of the model that `target` lies in get adapters."""
        if target.in_denoiser:
            return not self.network.network_train_text_encoder_only
        return not self.network.network_train_unet_only

    def _size(self, target: Target, own: Override) -> _Size | None:
        """Rank and alpha: those of the layer's own settings, of its block, or of all; None where it gets no adapter.

        Linear layers and 1x1 convolutions take the network's, other convolutions the convolutions'.
        """
        network = self.network
        size = _Size(network.network_dim, network.network_alpha)
        dims, alphas = self.dims, self.alphas
        if target.is_wide_conv:
            if not self.preset.enable_conv:
                return None
            dims, alphas = self.conv_dims, self.conv_alphas
            if trains_convolutions(network):
                size = _Size(network.conv_dim or network.network_dim, network.conv_alpha)
        if target.in_denoiser and dims:
            rank = int(dims[target.block])
            size = _Size(rank, alphas[target.block] if alphas else size.alpha)
        size = _Size(int(own.get("dim", size.rank)), float(own.get("alpha", size.alpha)))
        return size if size.rank > 0 else None

    def _per_block(self, name: str) -> list[float]:
        """The numbers of a setting that has one for each block of the U-Net."""
        numbers = parse_numbers(getattr(self.network, name))
        if numbers and len(numbers) != self.blocks:
            raise UserError(
                problem(
                    "block_count",
                    "{name} has {found} numbers, but this model's U-Net has {count} blocks. Write {count} numbers.",
                    name=name, found=len(numbers), count=self.blocks,
                )
            )
        return numbers


def trains_convolutions(network: NetworkSettings) -> bool:
    """Whether the settings give 3x3 convolutions ranks of their own: one for all, or one for each block."""
    return network.conv_dim is not None or bool(network.conv_block_dims.strip())


def _options(network: NetworkSettings, algorithm: AlgorithmSettings) -> LayerOptions:
    """The options that all layers share."""
    values = {**dict(network), **dict(algorithm)}
    return LayerOptions(
        dropout=network.network_dropout, **{name: values[name] for name in OPTIONS & values.keys()}
    )


def _algorithm(own: Override, network: NetworkSettings) -> Any:
    name = str(own.get("algo", "")).lower()
    if not name:
        return network.LoRA_type
    if name not in OF_ALGO:
        raise UserError(
            problem(
                "layers_algo_unknown",
                "algo = {algo} in the layers file is not known. Use one of {known}.",
                algo=name, known=", ".join(OF_ALGO),
            )
        )
    return OF_ALGO[name]


def _extra(own: Override) -> dict[str, Any]:
    """A layer's own settings besides algorithm and size, by our names. Raises `UserError` for unknown ones."""
    extra = {ARGUMENTS.get(name, name): value for name, value in own.items() if name not in ("algo", "dim", "alpha")}
    unknown = sorted(extra.keys() - OPTIONS)
    if unknown:
        raise UserError(
            problem(
                "layers_option_unknown",
                "The layers file sets {names}, which no algorithm has. Remove it.",
                names=", ".join(unknown),
            )
        )
    return extra


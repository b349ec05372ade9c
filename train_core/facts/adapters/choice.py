"""Choice of the layers that get an adapter, of algorithm and size, by a layer's place in the model alone."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from train_core.config.interop.lora_types import ARGUMENTS, OF_ALGO
from train_core.config.problems import UserError, problem
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.syntax.arguments import parse_numbers
from train_core.config.syntax.layer_presets import LayerPreset, Override, layer_preset
from train_core.facts.adapters.options import LayerOptions
from train_core.kinds import BlockLayout

OPTIONS = {one.name for one in fields(LayerOptions)}
NORMS = "norms"  # stands among the algorithms for norms that are trained in full


class Place(Protocol):
    """Place of a layer or norm: its names within its part, the classes around it, its block, and what it is."""

    @property
    def in_denoiser(self) -> bool: ...
    @property
    def paths(self) -> tuple[str, ...]: ...
    @property
    def owners(self) -> tuple[str, ...]: ...
    @property
    def block(self) -> int: ...
    @property
    def is_norm(self) -> bool: ...
    @property
    def is_wide_conv(self) -> bool: ...


@dataclass(frozen=True)
class Choice:
    """Algorithm of a layer, one of `LoRA_type` or `NORMS`, and the options that it gets there."""

    algorithm: str
    options: LayerOptions


@dataclass(frozen=True)
class _Size:
    rank: int
    alpha: float


class LayerChoice:
    """Applies the settings to one layer after the other. Raises `UserError` for settings that do not suit the model.

    `layout` is that of the U-Net's blocks.
    """

    def __init__(self, network: NetworkSettings, algorithm: AlgorithmSettings, layout: BlockLayout) -> None:
        self.network = network
        self.plain = _options(network, algorithm)
        self.preset: LayerPreset = layer_preset(network.LyCORIS_preset, trains_convolutions(network))
        self.blocks = sum(layout)
        self.dims, self.alphas = self._per_block("block_dims"), self._per_block("block_alphas")
        self.conv_dims, self.conv_alphas = self._per_block("conv_block_dims"), self._per_block("conv_block_alphas")

    def choice(self, place: Place) -> Choice | None:
        """The adapter that the layer at `place` gets; None where it gets none."""
        if not self.trains(place) or not self.preset.takes(place.in_denoiser, place.paths, place.owners):
            return None
        if place.is_norm:
            return Choice(NORMS, self.plain) if self.network.train_norm else None
        own = self.preset.override(place.paths, place.owners)
        size = self._size(place, own)
        if size is None:
            return None
        options = replace(self.plain, rank=size.rank, alpha=size.alpha, **_extra(own))
        return Choice(_algorithm(own, self.network), options)

    def trains(self, place: Place) -> bool:
        """Whether layers of the part of the model that `place` lies in get adapters."""
        if place.in_denoiser:
            return not self.network.network_train_text_encoder_only
        return not self.network.network_train_unet_only

    def _size(self, place: Place, own: Override) -> _Size | None:
        """Rank and alpha: those of the layer's own settings, of its block, or of all; None where it gets no adapter.

        Linear layers and 1x1 convolutions take the network's, other convolutions the convolutions'.
        """
        network = self.network
        size = _Size(network.network_dim, network.network_alpha)
        dims, alphas = self.dims, self.alphas
        if place.is_wide_conv:
            if not self.preset.enable_conv:
                return None
            dims, alphas = self.conv_dims, self.conv_alphas
            if trains_convolutions(network):
                size = _Size(network.conv_dim or network.network_dim, network.conv_alpha)
        if place.in_denoiser and dims:
            rank = int(dims[place.block])
            size = _Size(rank, alphas[place.block] if alphas else size.alpha)
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

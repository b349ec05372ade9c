"""Size of an adapter's file: how many numbers each algorithm keeps for a layer, by the shape of the layer's weight.

`tests` hold this table against the layers that train.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path

from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.sections.output import SavePrecision
from train_core.config.sections.rates import RateSettings
from train_core.config.syntax.block_rates import block_factors
from train_core.facts.adapters.choice import NORMS, LayerChoice
from train_core.facts.adapters.layers import Layer, Measures, layers_of
from train_core.facts.adapters.options import LayerOptions
from train_core.facts.adapters.shapes import Shape
from train_core.facts.adapters.splits import butterfly, split
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.kinds import KINDS

BYTES: dict[SavePrecision, int] = {"float": 4, "fp16": 2, "bf16": 2}
DECOMPOSED = ("LoRA", "LoRA-FA", "DyLoRA", "LoHa", "LoKr")  # those with a DoRA form


@dataclass(frozen=True)
class AdapterSize:
    """Numbers in an adapter's file: in all, and in `unet` and text encoders apart; `layers` have some."""

    values: int
    layers: int
    unet: int

    def bytes_in(self, precision: SavePrecision) -> int:
        """Bytes of the tensors in a file of this precision."""
        return self.values * BYTES[precision]


def adapter_size(
    network: NetworkSettings, algorithm: AlgorithmSettings, rates: RateSettings, measures: Measures
) -> AdapterSize | None:
    """The size of the adapter that the settings put on a model of these `measures`; blocks at rate 0 have none.

    None for an algorithm that is not in the table. Raises `UserError` where the settings do not suit the model.
    """
    if algorithm.network_weights.strip() and algorithm.dim_from_weights:
        return _size_of_file(Path(algorithm.network_weights.strip()))
    if network.LyCORIS_preset.strip().lower().endswith(".toml"):
        return _counted(network, algorithm, rates, measures)  # the file may change
    options = algorithm.model_copy(update={"base_weights": (), "base_weights_multiplier": ()})
    return _remembered(network, options, rates, measures)


@lru_cache(maxsize=64)
def _remembered(
    network: NetworkSettings, algorithm: AlgorithmSettings, rates: RateSettings, measures: Measures
) -> AdapterSize | None:
    return _counted(network, algorithm, rates, measures)


def _counted(
    network: NetworkSettings, algorithm: AlgorithmSettings, rates: RateSettings, measures: Measures
) -> AdapterSize | None:
    layout = KINDS[measures.kind].block_layout
    chooser, factors = LayerChoice(network, algorithm, layout), block_factors(rates, layout)
    values = layers = unet = 0
    for layer in layers_of(measures):
        choice = chooser.choice(layer)
        if choice is None or (layer.in_denoiser and not factors[layer.block]):
            continue
        if choice.algorithm not in VALUES:
            return None
        count = values_in(choice.algorithm, layer, choice.options)
        values, layers, unet = values + count, layers + 1, unet + (count if layer.in_denoiser else 0)
    return AdapterSize(values, layers, unet)


def values_in(algorithm: str, layer: Layer, options: LayerOptions) -> int:
    """The numbers that a file has for `layer`, alpha included. Raises `UserError` where the algorithm cannot split it.
    """
    count = VALUES[algorithm](layer, options)
    if options.dora_wd and algorithm in DECOMPOSED:
        count += layer.shape[0 if options.wd_on_output else 1]
    return count


def _size_of_file(path: Path) -> AdapterSize:
    """The size of an adapter that takes its layers from the file at `path`. Raises `UserError` if it is unreadable."""
    tensors = read_tensor_file(path).tensors
    values = {name: prod(one.shape) for name, one in tensors.items()}
    unet = sum(count for name, count in values.items() if name.startswith("lora_unet"))
    return AdapterSize(sum(values.values()), len({name.partition(".")[0] for name in values}), unet)


def _sides(shape: Shape) -> tuple[int, int, int]:
    """Outputs, inputs, and places of the kernel."""
    return shape[0], shape[1], prod(shape[2:])


def _has_core(layer: Layer, options: LayerOptions) -> bool:
    """Whether Tucker's form stands a small convolution between the maps."""
    return options.use_tucker and layer.is_wide_conv


def _lora(layer: Layer, options: LayerOptions) -> int:
    outputs, inputs, places = _sides(layer.shape)
    rank = options.rank
    if _has_core(layer, options):
        return rank * (outputs + inputs) + rank * rank * places + 1
    return rank * (outputs + inputs * places) + 1


def _loha(layer: Layer, options: LayerOptions) -> int:
    return 2 * (_lora(layer, options) - 1) + 1


def _lokr(layer: Layer, options: LayerOptions) -> int:
    outputs, inputs, places = _sides(layer.shape)
    (out1, out2), (in1, in2) = split(outputs, options.factor), split(inputs, options.factor)
    rank = options.rank
    small = options.decompose_both and not options.full_matrix and rank < max(out1, in1) / 2
    first = rank * (out1 + in1) if small else out1 * in1
    if options.full_matrix or rank >= max(out2, in2) / 2:
        return first + out2 * in2 * places + 1
    if _has_core(layer, options):
        return first + rank * (out2 + in2) + rank * rank * places + 1
    return first + rank * (out2 + in2 * places) + 1


def _glora(layer: Layer, options: LayerOptions) -> int:
    outputs, inputs, places = _sides(layer.shape)
    return options.rank * (2 * inputs + outputs + inputs * places) + 1


def _ia3(layer: Layer, options: LayerOptions) -> int:
    return layer.shape[1 if options.train_on_input else 0] + 1


def _diag_oft(layer: Layer, options: LayerOptions) -> int:
    size, count = split(layer.shape[0], options.rank)
    return count * size * size + (layer.shape[0] if options.rescaled else 0) + 1


def _boft(layer: Layer, options: LayerOptions) -> int:
    size, count = butterfly(layer.shape[0], options.rank)
    return count.bit_length() * count * size * size + (layer.shape[0] if options.rescaled else 0) + 1


def _full(layer: Layer, options: LayerOptions) -> int:
    return prod(layer.shape) + (layer.shape[0] if layer.has_bias else 0)


def _norm(layer: Layer, options: LayerOptions) -> int:
    return 2 * layer.shape[0]


VALUES: dict[str, Callable[[Layer, LayerOptions], int]] = {
    "LoRA": _lora, "LoRA-FA": _lora, "DyLoRA": _lora, "LoHa": _loha, "LoKr": _lokr, "GLoRA": _glora, "IA3": _ia3,
    "Diag-OFT": _diag_oft, "BOFT": _boft, "Full": _full, NORMS: _norm,
}  # fmt: skip

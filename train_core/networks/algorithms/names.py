"""The adapter algorithms by the name that users choose (`LoRA_type`). A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Collection

from train_core.config.phrases import phrase
from train_core.config.sections.network import LoraType
from train_core.networks.algorithms.dylora import DyLoraLayer
from train_core.networks.algorithms.full import FullLayer, NormLayer
from train_core.networks.algorithms.glora import GloraLayer
from train_core.networks.algorithms.ia3 import Ia3Layer
from train_core.networks.algorithms.loha import LohaLayer
from train_core.networks.algorithms.lokr import LokrLayer
from train_core.networks.algorithms.lora import LoraLayer
from train_core.networks.algorithms.lora_fa import LoraFaLayer
from train_core.networks.algorithms.oft import BoftLayer, DiagOftLayer
from train_core.networks.weight_change import WeightChange

ALGORITHMS: dict[LoraType, type[WeightChange]] = {
    "LoRA": LoraLayer, "LoRA-FA": LoraFaLayer, "DyLoRA": DyLoraLayer, "LoHa": LohaLayer, "LoKr": LokrLayer,
    "GLoRA": GloraLayer, "IA3": Ia3Layer, "Diag-OFT": DiagOftLayer, "BOFT": BoftLayer, "Full": FullLayer,
}  # fmt: skip
# What tensors in files are, by the one that gives the algorithm away. LoRA-FA and DyLoRA leave a LoRA behind.
IN_FILES: tuple[type[WeightChange], ...] = (
    LoraLayer, LohaLayer, LokrLayer, GloraLayer, Ia3Layer, DiagOftLayer, BoftLayer, FullLayer, NormLayer,
)  # fmt: skip


# How they are called where people read of what a file holds.
IN_WORDS: dict[type[WeightChange], str] = {
    **{its: name for name, its in ALGORITHMS.items()}, NormLayer: phrase("norms", "norms"),
}  # fmt: skip


def algorithm_of(names: Collection[str]) -> type[WeightChange] | None:
    """The algorithm whose tensors, of one module, have these `names`; None where none does."""
    known = set(names)
    return next((algorithm for algorithm in IN_FILES if known & algorithm.signs), None)

"""Choice of the layers that get an adapter, with the classes that make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from train_core.facts.adapters.choice import NORMS, LayerChoice
from train_core.facts.adapters.options import LayerOptions
from train_core.models.family import Target
from train_core.networks.algorithms.full import NormLayer
from train_core.networks.algorithms.names import ALGORITHMS
from train_core.networks.weight_change import WeightChange

CLASSES: dict[str, type[WeightChange]] = {NORMS: NormLayer, **{str(name): its for name, its in ALGORITHMS.items()}}


@dataclass(frozen=True)
class Chosen:
    """A layer that gets an adapter."""

    target: Target
    algorithm: type[WeightChange]
    options: LayerOptions


class Chooser(LayerChoice):
    """Applies the settings to targets. Raises `UserError` for settings that do not suit the model."""

    def choose(self, targets: Sequence[Target]) -> list[Chosen]:
        """Choose those of `targets` that get an adapter, in their order."""
        return [
            Chosen(target, CLASSES[one.algorithm], one.options)
            for target in targets if (one := self.choice(target)) is not None
        ]

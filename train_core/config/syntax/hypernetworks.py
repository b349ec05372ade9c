"""The structure of a hypernetwork's networks, as settings and files describe it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from train_core.config.problems import UserError, problem
from train_core.config.sections.hypernetwork import HypernetworkSettings
from train_core.config.syntax.arguments import parse_numbers

USUAL_DROPOUT = 0.3  # A1111's, where no dropout structure is given


@dataclass(frozen=True)
class Structure:
    """What the networks are like: `layers` are widths as multiples of the context's, `dropout` a chance for each."""

    layers: tuple[float, ...] = (1, 2, 1)
    activation: str = "linear"
    init: str = "Normal"
    layer_norm: bool = False
    activate_output: bool = False
    dropout: tuple[float, ...] = (0, 0, 0)

    def widths(self, width: int) -> list[int]:
        """The widths of the layers for a context of `width`."""
        return [int(width * factor) for factor in self.layers]

    def values(self, width: int) -> int:
        """The numbers that one network for a context of `width` has."""
        widths = self.widths(width)
        layers = sum(before * after + after for before, after in pairwise(widths))
        return layers + (2 * sum(widths[1:]) if self.layer_norm else 0)


def usual_dropout(layers: int, used: bool, before_last: bool) -> tuple[float, ...]:
    """A1111's chances behind each of `layers`: 0.3 between the first and the last, the one before the last as said."""
    if not used:
        return (0.0,) * layers
    return (0.0, *[USUAL_DROPOUT] * (layers - 3), USUAL_DROPOUT if before_last else 0.0, 0.0)[:layers]


def structure_of(settings: HypernetworkSettings) -> Structure:
    """The structure of a new hypernetwork. Raises `UserError` for numbers that make none."""
    layers = tuple(parse_numbers(settings.layer_structure))
    if len(layers) < 2 or layers[0] != 1 or layers[-1] != 1 or min(layers) <= 0:
        raise UserError(
            problem(
                "layer_structure_unusable",
                "layer_structure = {value} must begin and end with 1, with factors above 0 between them, such as "
                "1, 2, 1.",
                value=settings.layer_structure,
            )
        )
    dropout = usual_dropout(len(layers), settings.use_dropout, before_last=True)
    if settings.use_dropout and settings.dropout_structure.strip():
        dropout = tuple(parse_numbers(settings.dropout_structure))
        if len(dropout) != len(layers) or dropout[0] or dropout[-1] or max(dropout) >= 1:
            raise UserError(
                problem(
                    "dropout_structure_unusable",
                    "dropout_structure = {value} needs {count} numbers below 1, as many as layer_structure has, of "
                    "which the first and the last are 0.",
                    value=settings.dropout_structure, count=len(layers),
                )
            )
    return Structure(
        layers, settings.activation_func, settings.weight_init, settings.add_layer_norm, settings.activate_output,
        dropout,
    )

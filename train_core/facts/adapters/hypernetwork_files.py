"""Hypernetworks in files of A1111's form: what their networks are like, by what the file says and by its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import get_args

from train_core.config.problems import UserError, problem
from train_core.config.sections.hypernetwork import ActivationFunc
from train_core.config.syntax.hypernetworks import Structure, usual_dropout
from train_core.facts.models.tensor_files import TensorFile, read_tensor_file
from train_core.facts.models.tensor_info import TensorInfo

# Layers of the first files, of two layers without anything between, by what they have been called since.
NAMED = re.compile(r"[1-9]\d{0,5}\.[01]\.linear\.", re.ASCII)
FIRST_NAMES = {"linear1": "linear.0", "linear2": "linear.1"}


@dataclass(frozen=True)
class HypernetworkFile:
    """A hypernetwork: `tensors` are named `768.0.linear.0.weight`, by width, keys or values (0, 1), and layer."""

    file: TensorFile
    structure: Structure
    tensors: Mapping[str, TensorInfo]
    step: int

    @property
    def widths(self) -> list[int]:
        return sorted({int(name.partition(".")[0]) for name in self.tensors})


def read_hypernetwork(path: Path) -> HypernetworkFile:
    """The hypernetwork in the file at `path`; nothing in it is run. Raises `UserError` where it is none."""
    file = read_tensor_file(path)
    tensors = {_renamed(name): info for name, info in file.tensors.items()}
    if not tensors or not all(map(NAMED.match, tensors)):
        raise UserError(
            problem(
                "no_hypernetwork",
                "{file} is no hypernetwork. Choose a .pt file that A1111 or this program has saved as one.",
                file=str(path),
            )
        )
    found = HypernetworkFile(file, _structure(file), tensors, _whole(file.metadata.get("step", "")))
    expected = shapes_of(found)
    odd = sorted(name for name in expected.keys() | tensors.keys() if _shape(tensors, name) != expected.get(name))
    if odd:
        raise UserError(
            problem(
                "hypernetwork_contradicts_itself",
                "{file} says that its layers are {structure} with {activation}, but {name} does not fit that. It is "
                "damaged, or another program made it.",
                file=str(path), structure=", ".join(f"{one:g}" for one in found.structure.layers),
                activation=found.structure.activation, name=odd[0],
            )
        )
    return found


def shapes_of(file: HypernetworkFile) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors that a hypernetwork of this structure and these widths has."""
    return {
        f"{width}.{side}.{name}": shape
        for width in file.widths for side in (0, 1) for name, shape in shapes_in(file.structure, width).items()
    }


def shapes_in(structure: Structure, width: int) -> dict[str, tuple[int, ...]]:
    """The shapes of one network's tensors. Numbers in names count what has no tensors too: activation and dropout."""
    widths, place = structure.widths(width), 0
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (before, after) in enumerate(pairwise(widths)):
        shapes |= {f"linear.{place}.weight": (after, before), f"linear.{place}.bias": (after,)}
        place += 1 + is_activated(structure, layer)
        if structure.layer_norm:
            shapes |= {f"linear.{place}.weight": (after,), f"linear.{place}.bias": (after,)}
            place += 1
        place += structure.dropout[layer + 1] > 0
    return shapes


def is_activated(structure: Structure, layer: int) -> bool:
    """Whether the activation function follows `layer`, counted from 0."""
    is_last = layer == len(structure.layers) - 2
    return structure.activation != "linear" and (structure.activate_output or not is_last)


def _renamed(name: str) -> str:
    width, _, rest = name.partition(".")
    side, _, layer = rest.partition(".")
    first, dot, kind = layer.partition(".")
    return f"{width}.{side}.{FIRST_NAMES.get(first, first)}{dot}{kind}"


def _shape(tensors: Mapping[str, TensorInfo], name: str) -> tuple[int, ...] | None:
    return tensors[name].shape if name in tensors else None


def _structure(file: TensorFile) -> Structure:
    """The structure that the file states, with what A1111 takes where it says nothing."""
    said = file.metadata
    layers = _numbers(said.get("layer_structure", "")) or (1.0, 2.0, 1.0)
    dropout = _numbers(said.get("dropout_structure", ""))
    if len(dropout) != len(layers):
        used, before_last = (said.get(name) == "True" for name in ("use_dropout", "last_layer_dropout"))
        dropout = usual_dropout(len(layers), used, before_last)
    activation = said.get("activation_func", "linear")
    if activation not in get_args(ActivationFunc):
        raise UserError(
            problem(
                "hypernetwork_activation_unknown",
                "{file} uses the activation function {name}, which is not known here, so it cannot be continued.",
                file=str(file.path), name=activation,
            )
        )
    return Structure(
        layers, activation, said.get("weight_initialization", "Normal"), said.get("is_layer_norm") == "True",
        said.get("activate_output", "True") == "True", dropout,
    )


def _numbers(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        return ()
    return numbers if all(0 <= one < 1e6 for one in numbers) else ()


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else 0

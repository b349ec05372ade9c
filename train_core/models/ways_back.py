"""How the tensors of a part, as a file names and shapes them, are made of its module's: found by trying it out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from train_core.models.files.stored import Stored, in_memory
from train_core.models.parts import Part

PROBE = (6, 5, 1, 1)  # rows in three equal parts, and not square, so that whatever is done to a tensor shows


@dataclass(frozen=True)
class Way:
    """A file's tensor is that which `Part.write` calls `name`, or the module's of this name where it is `of_module`.

    `made_of` are the tensors of the module that are in it.
    """

    name: str
    of_module: bool
    made_of: frozenset[str]


def ways_back(part: Part, stored: Mapping[str, Stored]) -> dict[str, Way]:
    """The way of each tensor of `part` in a file, by its name there; what the module lacks has none.

    Small tensors of numbers that no two share go through `Part.read` and back, whichever software named them.
    """
    probes: dict[str, Tensor] = {}
    first = 0
    for name, one in stored.items():
        shape = PROBE[: len(one.shape)]
        probes[name] = torch.arange(first, first + math.prod(shape), dtype=torch.float64).view(shape)
        first += math.prod(shape)
    module = {name: one.read() for name, one in part.read(in_memory(probes)).items()}
    owner = {number: name for name, tensor in module.items() for number in _numbers(tensor)}
    ways: dict[tuple[float, ...], Way] = {}
    written = {name: one.read() for name, one in part.write(in_memory(module)).items()}
    for of_module, tensors in ((False, written), (True, module)):
        for name, tensor in tensors.items():
            numbers = _numbers(tensor)
            ways.setdefault(numbers, Way(name, of_module, frozenset(owner[number] for number in numbers)))
    found = {name: ways.get(_numbers(probe)) for name, probe in probes.items()}
    return {name: way for name, way in found.items() if way is not None}


def _numbers(tensor: Tensor) -> tuple[float, ...]:
    return tuple(tensor.flatten().tolist())

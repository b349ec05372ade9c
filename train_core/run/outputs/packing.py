"""Nested state as JSON and tensors side by side: nothing that runs code is ever written or read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

TENSOR, TUPLE, PAIRS, DTYPE = "$tensor", "$tuple", "$pairs", "$dtype"
PLAIN = (str, int, float, bool)


def pack(value: Any) -> tuple[Any, dict[str, Tensor]]:
    """`value` (dicts, lists, tuples, plain values, tensors) as JSON values, and its tensors by number, none copied.

    A tensor that appears in several places is there once. Raises TypeError for anything else.
    """
    tensors: dict[str, Tensor] = {}
    names: dict[int, str] = {}

    def number(tensor: Tensor) -> str:
        if id(tensor) not in names:
            names[id(tensor)] = str(len(names))
            tensors[names[id(tensor)]] = tensor
        return names[id(tensor)]

    return _packed(value, number), tensors


def _packed(item: Any, number: Callable[[Tensor], str]) -> Any:
    """`item` as JSON values, each tensor by the name that `number` gives it."""
    if isinstance(item, PLAIN) or item is None:
        return item
    if isinstance(item, list):
        return [_packed(one, number) for one in item]
    if isinstance(item, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in item):
            return {key: _packed(one, number) for key, one in item.items()}
        return {PAIRS: [[_packed(key, number), _packed(one, number)] for key, one in item.items()]}
    if isinstance(item, tuple):
        return {TUPLE: [_packed(one, number) for one in item]}
    if isinstance(item, Tensor | torch.dtype):
        return {TENSOR: number(item)} if isinstance(item, Tensor) else {DTYPE: str(item).removeprefix("torch.")}
    raise TypeError(f"A state cannot hold {type(item).__name__}: {item!r:.100}")


def unpack(packed: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Restore what `pack` was given."""
    if isinstance(packed, list):
        return [unpack(one, tensors) for one in packed]
    if not isinstance(packed, dict):
        return packed
    special = {
        TENSOR: lambda name: tensors[name],
        DTYPE: lambda name: getattr(torch, name),
        TUPLE: lambda items: tuple(unpack(one, tensors) for one in items),
        PAIRS: lambda pairs: {unpack(key, tensors): unpack(one, tensors) for key, one in pairs},
    }
    for sign, made in special.items():
        if sign in packed:
            return made(packed[sign])
    return {key: unpack(one, tensors) for key, one in packed.items()}

"""A finished adapter's changes in the weights of the loaded model, so that calls take no longer than the base's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from train_core.networks.attach import Adapter
from train_core.networks.weight_change import WeightChange


@contextmanager
def in_weights(adapter: Adapter[WeightChange], strength: Callable[[str], float]) -> Iterator[None]:
    """The model with weights that `adapter` has changed at the `strength` of each layer's key; then its own again.

    The weights are to be in fp32: in half precision small changes would be lost, and adapters are to be attached.
    """
    before: list[tuple[nn.Module, str, nn.Parameter | None]] = []
    try:
        for key, layer in adapter.layers.items():
            if not strength(key):
                continue
            for name, change in _changes(layer).items():
                own: nn.Parameter | None = getattr(layer.base, name)
                before.append((layer.base, name, own))
                setattr(layer.base, name, _changed(own, strength(key), change))
        yield
    finally:
        for module, name, own in reversed(before):
            setattr(module, name, own)


def _changes(layer: WeightChange) -> dict[str, Tensor]:
    """The changes, fp32, of the frozen module's parameters by their names."""
    bias = layer.bias_change_of(layer.values())
    return {"weight": layer.delta(), **({} if bias is None else {"bias": bias.detach().float()})}


def _changed(own: Any, strength: float, change: Tensor) -> nn.Parameter:
    """`own` with its share of `change`, in the layout that it has in memory; a module may have no bias of its own."""
    if own is None:
        return nn.Parameter(strength * change, requires_grad=False)
    summed = torch.add(own.detach(), change.view(own.shape), alpha=strength, out=torch.empty_like(own.detach()))
    return nn.Parameter(summed, requires_grad=False)

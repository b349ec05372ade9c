"""The layers of one or several adapters in place of one module's forward."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from train_core.networks.layer import Forward, Layer
from train_core.networks.weight_change import WeightChange


class Stack:
    """The forward of a module with several `layers`, or with one at another strength than 1.

    Each change of the weight is that of the frozen one, so they simply add up; what changes the flow is around them.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = sorted(layers, key=lambda layer: layer.order)
        self._forward: Forward = self.layers[0].base_forward
        for layer in sorted(self.layers, key=lambda layer: not isinstance(layer, WeightChange)):
            self._forward = partial(layer.along, rest=self._forward)

    def __call__(self, x: Tensor) -> Tensor:
        return self._forward(x)


def layers_on(module: nn.Module) -> list[Layer]:
    """The layers that stand in for the forward of `module`. RuntimeError if something else does."""
    forward = module.__dict__.get("forward")
    if forward is None:
        return []
    if isinstance(forward, Stack):
        return forward.layers
    layer = getattr(forward, "__self__", None)
    if isinstance(layer, Layer):
        return [layer]
    raise RuntimeError(f"another forward has taken the place of {type(module).__name__}'s own: detach that first")


def put_on(layer: Layer) -> None:
    """Let the frozen module compute with `layer` too."""
    _set_forward(layer.base, [*layers_on(layer.base), layer])


def take_off(layer: Layer) -> None:
    """Let the frozen module compute without `layer`; without any layer it has its own forward again."""
    _set_forward(layer.base, [other for other in layers_on(layer.base) if other is not layer])


def _set_forward(module: nn.Module, layers: Sequence[Layer]) -> None:
    if not layers:
        del module.__dict__["forward"]
    elif len(layers) == 1 and layers[0].strength == 1:
        module.__dict__["forward"] = layers[0].forward  # the quickest way, which training takes
    else:
        module.__dict__["forward"] = Stack(layers)

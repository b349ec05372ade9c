"""A layer that trains a change of one frozen weight: the base of every adapter algorithm."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from train_core.facts.adapters.options import LayerOptions
from train_core.models.quantised import device_of, shape_of, weight_of
from train_core.networks.algorithms.decompose import decomposed, magnitude
from train_core.networks.layer import Forward, Layer, Values
from train_core.networks.on_weights import on_weights, operate

Frozen = nn.Linear | nn.Conv2d


class WeightChange(Layer):
    """Trains a change of one frozen module's weight and computes that module's output with the change.

    An algorithm says what it trains (`values`, by the names that they have in files) and what change these make of the
    frozen weight (`change_of`). That is all that files, merging and the forward pass need; some have quicker ways to
    compute their output (`output`) or what they add to it (`added`).
    """

    names: ClassVar[tuple[str, ...]]  # tensors in a file, after the module's key
    signs: ClassVar[frozenset[str]]  # those of them of which one gives the algorithm away
    factors: ClassVar[tuple[tuple[str, ...], ...]] = ()  # parameters whose product the change is, see `shorten`
    has_alpha: ClassVar[bool] = True
    needs_weight: ClassVar[bool] = False  # whether the change depends on the frozen weight
    # Whether there is a form of it with magnitudes of its own (DoRA), and one that a scalar opens.
    decomposes: ClassVar[bool] = False
    has_scalar: ClassVar[bool] = False

    base: Frozen

    def __init__(self, base: Frozen, options: LayerOptions, generator: torch.Generator) -> None:
        """A layer at its start, random numbers of which come from `generator`."""
        super().__init__(base)
        self.options = options
        self.alpha = self.alpha_in_file()
        self.opened = options.use_scalar and self.has_scalar
        self.scalar = self._parameter(torch.zeros(())) if self.opened else None
        self.dora_scale: nn.Parameter | None = None
        if options.dora_wd and self.decomposes:
            self.dora_scale = self._parameter(magnitude(self.base_weight(), options.wd_on_output))

    def alpha_in_file(self) -> float:
        """The alpha that a file states: readers divide it by the rank, whatever the strength was made from."""
        alpha = float(self.options.alpha or self.options.rank)
        return alpha * math.sqrt(self.options.rank) if self.options.rs_lora else alpha

    @abstractmethod
    def values(self) -> dict[str, Tensor]:
        """The trained values by their names in a file; live, so that gradients flow."""

    @classmethod
    @abstractmethod
    def change_of(cls, values: Values, shape: torch.Size, alpha: float | None, weight: Tensor | None) -> Tensor:
        """The change (`shape`) of a weight that `values` of a file make, strength included.

        `alpha` None means strength 1. Algorithms that change the weight in proportion to itself need `weight`, in fp32.
        """

    @classmethod
    @abstractmethod
    def shape_in(cls, values: Values) -> torch.Size:
        """The shape of the change that `values` make: its outputs first; kernels may be one with the inputs."""

    @classmethod
    def suits(cls, values: Values, shape: torch.Size) -> bool:
        """Whether `values` can change a weight of this shape."""
        own = cls.shape_in(values)
        return own[0] == shape[0] and math.prod(own) == math.prod(shape)

    @classmethod
    def rank_in(cls, values: Values) -> int:
        """The number that the alpha of `values` is divided by."""
        return 1

    @classmethod
    def bias_change_of(cls, values: Values) -> Tensor | None:
        """The change of the frozen bias, where there is one."""
        return values.get("diff_b")

    def change(self, weight: Tensor | None = None) -> Tensor:
        """The change of the frozen weight, given in fp32 or read from the base, as it trains: dropouts included."""
        weight = self.base_weight() if weight is None else weight
        values = {name: value.float() for name, value in self.values().items()}
        change = self._made_of(values, weight)
        if self.dora_scale is not None:
            change = decomposed(weight + change, self.dora_scale) - weight
        chance = self.options.rank_dropout
        if self.training and chance:
            kept = self.draws.rows(self, "rank dropout", len(change), chance, change.device)
            kept = kept / kept.mean().clamp(min=1 / len(kept)) if self.options.rank_dropout_scale else kept
            change = change * kept.view(-1, *[1] * (change.dim() - 1))
        return change

    def _made_of(self, values: Values, weight: Tensor | None) -> Tensor:
        return self.change_of(values, self.shape, self.alpha if self.has_alpha else None, weight)

    def forward(self, x: Tensor) -> Tensor:
        """The frozen module's output for `x` with the trained change, in the frozen module's dtype."""
        return self._untouched(self.base_forward(x)) if self._left_out() else self.output(x)

    def along(self, x: Tensor, rest: Forward) -> Tensor:
        return self._untouched(rest(x)) if self._left_out() else rest(x) + self.strength * self.added(x)

    def output(self, x: Tensor) -> Tensor:
        """`forward` where the layer takes part."""
        return on_weights(x, self)

    def added(self, x: Tensor) -> Tensor:
        """The difference that the trained change makes to the module's output for `x`, in the dtype of `x`."""
        change = self.change(weight_of(self.base, x).float())
        return operate(x, self.base, change.to(x.dtype))

    def _left_out(self) -> bool:
        """Whether module dropout leaves the layer out of this step."""
        chance = self.options.module_dropout
        return self.training and chance > 0 and self.draws.skips(self, chance)

    def _untouched(self, y: Tensor) -> Tensor:
        """`y`, with gradients of zero for the layer: distributed training waits for every parameter."""
        zeros = [parameter.flatten()[0] * 0 for parameter in self.parameters() if parameter.requires_grad]
        return y + torch.stack(zeros).sum().to(y.dtype) if zeros else y

    @torch.no_grad()
    def delta(self) -> Tensor:
        """The trained change as one tensor of the frozen weight's shape, fp32, without dropouts."""
        was_training, self.training = self.training, False
        try:
            return self.change()
        finally:
            self.training = was_training

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to save, alpha included, by the name that follows the module's key in a file."""
        saved = {name: value.detach() for name, value in self.values().items()}
        if self.dora_scale is not None:
            saved["dora_scale"] = self.dora_scale.detach()
        return saved | ({"alpha": torch.tensor(self.alpha)} if self.has_alpha else {})

    @torch.no_grad()
    def load(self, tensors: Values) -> None:
        """Take over what `tensors` gave: values of the same names and shapes."""
        if self.scalar is not None:
            self.scalar.fill_(1.0)  # it is within the values of a file
        for name, value in self.live().items():
            value.copy_(tensors[name])
        if self.dora_scale is not None:
            self.dora_scale.copy_(tensors["dora_scale"])
        self._take_alpha(tensors)

    def adopt(self, tensors: Values) -> None:
        """Become the layer that wrote `tensors`, whatever its rank and form."""
        for name in self.names:
            value = tensors.get(name)
            setattr(self, attribute(name), None if value is None else self._parameter(value))
        for name in self.fixed:
            getattr(self, name).requires_grad_(False)
        scale = tensors.get("dora_scale")
        self.dora_scale = None if scale is None else self._parameter(scale)
        self.scalar = None
        self._take_alpha(tensors)

    def _take_alpha(self, tensors: Values) -> None:
        """The alpha of a file; without one the strength is 1."""
        if self.has_alpha:
            self.alpha = float(tensors["alpha"]) if "alpha" in tensors else float(self.rank)

    @property
    def rank(self) -> int:
        """The number that alpha is divided by."""
        return self.rank_in(self.live())

    @torch.no_grad()
    def norm(self) -> Tensor:
        """The length of the trained change as a vector, before DoRA's magnitudes; a scalar on its device."""
        values = {name: value.float() for name, value in self.values().items()}
        return self._made_of(values, self.base_weight() if self.needs_weight else None).norm()

    @torch.no_grad()
    def shorten(self, ratio: Tensor) -> None:
        """Multiply the change by `ratio`, each of the maps whose product it is by as much."""
        groups = [[getattr(self, name) for name in group if name not in self.fixed] for group in self.factors]
        groups = [group for parameters in groups if (group := [p for p in parameters if p is not None])]
        for parameter in (p for group in groups for p in group):
            parameter.mul_(ratio ** (1 / len(groups)))

    def live(self) -> dict[str, Tensor]:
        """The parameters themselves by their names in a file."""
        found = {name: getattr(self, attribute(name), None) for name in self.names}
        return {name: parameter for name, parameter in found.items() if parameter is not None}

    def by_scalar(self, value: Tensor) -> Tensor:
        """`value` times the scalar that opens the layer, where it has one."""
        return value if self.scalar is None else value * self.scalar

    @property
    def shape(self) -> torch.Size:
        """The shape of the frozen weight."""
        return shape_of(self.base)

    def base_weight(self) -> Tensor:
        """The frozen weight in fp32."""
        return weight_of(self.base, torch.zeros((), device=device_of(self.base))).float()

    def _parameter(self, value: Tensor) -> nn.Parameter:
        """A parameter with this start, where the frozen module is."""
        return nn.Parameter(value.to(device_of(self.base), torch.float32))


def attribute(name: str) -> str:
    """The attribute of a layer that holds what a file calls `name`."""
    return name.removesuffix(".weight")

"""LoRA (Hu et al., 2021) for linear layers and convolutions: a frozen map plus a trained product of small ones."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train_core.facts.adapters.options import LayerOptions
from train_core.models.convolution import conv2d
from train_core.networks.algorithms.low_rank import low_rank_linear
from train_core.networks.weight_change import Frozen, Values, WeightChange


class LoraLayer(WeightChange):
    """ΔW = alpha / rank · up · down, or up · mid · down for convolutions in Tucker form (LoCon).

    `lora_down` is (rank, in) or (rank, in, kh, kw) with the frozen convolution's stride and padding, `lora_up` is
    (out, rank) or (out, rank, 1, 1); with `lora_mid` (rank, rank, kh, kw), down is (rank, in, 1, 1). Down starts
    Kaiming-uniform with a = √5, up at zero, so that training starts from the frozen model.
    """

    names: ClassVar[tuple[str, ...]] = ("lora_up.weight", "lora_down.weight", "lora_mid.weight")
    signs: ClassVar[frozenset[str]] = frozenset({"lora_up.weight"})
    decomposes: ClassVar[bool] = True
    has_scalar: ClassVar[bool] = True
    fast: ClassVar[frozenset[str]] = frozenset({"lora_up"})
    factors: ClassVar[tuple[tuple[str, ...], ...]] = (("lora_up",), ("lora_down",), ("lora_mid",))

    def __init__(self, base: Frozen, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, options, generator)
        self.conv = isinstance(base, nn.Conv2d)
        self.pointwise = not self.conv or is_pointwise(base)
        out_features, in_features, *kernel = self.shape
        rank, ones = options.rank, [1 for _ in kernel]
        tucker = options.use_tucker and kernel not in ([], [1, 1])
        self.lora_down = self._parameter(kaiming(generator, rank, in_features, *(ones if tucker else kernel)))
        self.lora_mid = self._parameter(kaiming(generator, rank, rank, *kernel)) if tucker else None
        up = (out_features, rank, *ones)
        self.lora_up = self._parameter(kaiming(generator, *up) if self.opened else torch.zeros(up))

    def values(self) -> dict[str, Tensor]:
        values = {"lora_up.weight": self.by_scalar(self.lora_up), "lora_down.weight": self.lora_down}
        return values if self.lora_mid is None else values | {"lora_mid.weight": self.lora_mid}

    @classmethod
    def change_of(cls, values: Values, shape: torch.Size, alpha: float | None, weight: Tensor | None) -> Tensor:
        up, down, mid = values["lora_up.weight"], values["lora_down.weight"], values.get("lora_mid.weight")
        strength = 1.0 if alpha is None else alpha / max(len(down), 1)  # AdaLoRA leaves layers of rank 0
        if mid is None:
            return ((up.flatten(1) @ down.flatten(1)) * strength).view(shape)
        return torch.einsum("mn...,im,nj->ij...", mid, up.flatten(1), down.flatten(1)) * strength

    @classmethod
    def shape_in(cls, values: Values) -> torch.Size:
        up, down = values["lora_up.weight"], values["lora_down.weight"]
        return torch.Size((len(up), down.shape[1], *values.get("lora_mid.weight", down).shape[2:]))

    @classmethod
    def rank_in(cls, values: Values) -> int:
        return len(values["lora_down.weight"])

    @torch.no_grad()
    def keep_ranks(self, count: int) -> None:
        """Let only the first `count` columns of up and rows of down act, by the rule of A1111's `dyn`.

        The strength stays alpha / rank, and what is in Tucker form stays whole.
        """
        if self.lora_mid is None:
            self.lora_up[:, count:] = 0

    @torch.no_grad()
    def norm(self) -> Tensor:
        """Compute the norm by the rank x rank products of the maps with themselves: |BA|² = tr((BᵀB)(AAᵀ))."""
        if self.lora_mid is not None:
            return super().norm()
        up, down = self.by_scalar(self.lora_up).flatten(1), self.lora_down.flatten(1)
        return ((up.T @ up) * (down @ down.T)).sum().clamp(min=0).sqrt() * self.scale

    @property
    def scale(self) -> float:
        """alpha / rank, the factor on the trained change."""
        return self.alpha / self.rank

    def output(self, x: Tensor) -> Tensor:
        """Down and up on the activations, so that no change of the weight's size is ever made; DoRA needs one."""
        if self.dora_scale is not None:
            return super().output(x)
        random = self.training and self.options.random
        if random or not self.pointwise or torch.compiler.is_compiling():
            h = self._down(x)  # before the frozen module: the order in which gradients of x add up, to the bit
            return self.base_forward(x) + self._up_dropped(h)
        up, down = self.by_scalar(self.lora_up).flatten(1), self.lora_down.flatten(1)
        if not self.conv:
            return low_rank_linear(x, self.base, down, up, self.scale)
        y = low_rank_linear(x.movedim(1, -1), self.base, down, up, self.scale).movedim(-1, 1)
        return y.contiguous(memory_format=memory_format(x))

    def added(self, x: Tensor) -> Tensor:
        if self.dora_scale is not None:
            return super().added(x)
        return self._up_dropped(self._down(x))

    def _down(self, x: Tensor) -> Tensor:
        down = self.lora_down.to(x.dtype)
        if not isinstance(self.base, nn.Conv2d):
            return F.linear(x, down)
        if self.lora_mid is not None:
            x, down = F.conv2d(x, down), self.lora_mid.to(x.dtype)
        return conv2d(x, down, None, self.base.stride, self.base.padding, self.base.dilation)  # type: ignore[arg-type]

    def _up_dropped(self, h: Tensor) -> Tensor:
        """The change of the output that `h` makes, dropouts applied."""
        return self._up(self._drop(h) if self.training and self.options.random else h) * self.scale

    def _up(self, h: Tensor) -> Tensor:
        up = self.by_scalar(self.lora_up).to(h.dtype)
        return F.conv2d(h, up) if self.conv else F.linear(h, up)

    def _drop(self, h: Tensor) -> Tensor:
        """Neuron dropout on every value of `h`, rank dropout on whole ranks of a sample."""
        options = self.options
        if options.dropout:
            h = h * self.draws.mask(self, "dropout", h.shape, options.dropout, h.device).to(h.dtype)
        if options.rank_dropout:
            shape = torch.Size((h.shape[0], self.rank))
            ranks = self.draws.mask(self, "rank dropout", shape, options.rank_dropout, h.device).to(h.dtype)
            h = h * (ranks[:, :, None, None] if self.conv else ranks.view(h.shape[0], *[1] * (h.dim() - 2), -1))
        return h


def kaiming(generator: torch.Generator, *shape: int) -> Tensor:
    """A start of this shape, Kaiming-uniform with a = √5, on the CPU."""
    start = torch.empty(*shape)
    nn.init.kaiming_uniform_(start, a=math.sqrt(5), generator=generator)
    return start


def is_pointwise(module: nn.Module) -> bool:
    """Whether a module maps each place by itself: a linear layer, or a 1x1 convolution without stride and padding."""
    if not isinstance(module, nn.Conv2d):
        return True
    return module.kernel_size == (1, 1) and module.stride == (1, 1) and module.padding in ((0, 0), "valid")


def memory_format(x: Tensor) -> torch.memory_format:
    """The layout of a tensor (B, C, H, W); keeping to it spares the layers that follow a copy each."""
    return torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format

"""Number formats for frozen weights: how each keeps a weight, and how a product with it is calculated; one row each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from train_core.config.sections.memory import BasePrecision

Packed = dict[str, Tensor]
NF4_BLOCK = 64  # weights that share a scale, as in QLoRA (Dettmers et al., 2023)


class Format(ABC):
    """A way to keep a weight. What a device can do with the kept numbers themselves, a format does in `linear` and
    `linear_backward`; as they stand here they make the whole weight for each use.
    """

    @abstractmethod
    def pack(self, weight: Tensor) -> Packed:
        """The tensors that are kept of `weight`, named, on its device."""

    @abstractmethod
    def unpack(self, packed: Mapping[str, Tensor], shape: torch.Size, dtype: torch.dtype) -> Tensor:
        """The weight (`shape`) in `dtype`, on the device of `packed`."""

    def linear(self, x: Tensor, packed: Mapping[str, Tensor], shape: torch.Size, bias: Tensor | None) -> Tensor:
        """x Wᵀ + bias (..., out) of `x` (..., in), on its device and in its dtype; `shape` of W is (out, in)."""
        return F.linear(x, self.unpack(packed, shape, x.dtype), bias)

    def linear_backward(self, grad: Tensor, packed: Mapping[str, Tensor], shape: torch.Size) -> Tensor:
        """The gradient (..., in) of `x` for the gradient `grad` (..., out) of what `linear` gave."""
        return grad @ self.unpack(packed, shape, grad.dtype)


class Whole(Format):
    """Every bit."""

    def pack(self, weight: Tensor) -> Packed:
        return {"values": weight}

    def unpack(self, packed: Mapping[str, Tensor], shape: torch.Size, dtype: torch.dtype) -> Tensor:
        return packed["values"].to(dtype)


@dataclass(frozen=True)
class Scaled(Format):
    """8-bit numbers, each row (an output's weights) divided by a scale of its own so that its largest one just fits.

    Without the scale, weights as small as a diffusion model's would fall among the few smallest numbers of fp8.
    """

    dtype: torch.dtype

    def pack(self, weight: Tensor) -> Packed:
        largest = torch.finfo(self.dtype).max if self.dtype.is_floating_point else torch.iinfo(self.dtype).max
        rows = weight.float().flatten(1)
        scale = rows.abs().amax(1, keepdim=True) / largest
        values = rows / torch.where(scale > 0, scale, 1.0)
        if not self.dtype.is_floating_point:
            values = values.round()
        return {"values": values.to(self.dtype), "scale": scale}

    def unpack(self, packed: Mapping[str, Tensor], shape: torch.Size, dtype: torch.dtype) -> Tensor:
        return (packed["values"].to(dtype) * packed["scale"].to(dtype)).view(shape)


class NormalFloat4(Format):
    """4-bit numbers spaced like a normal distribution, in blocks with a scale each (Dettmers et al., 2023)."""

    def pack(self, weight: Tensor) -> Packed:
        from bitsandbytes.functional import quantize_4bit  # noqa: PLC0415 - takes seconds, and few need it

        values, state = quantize_4bit(weight.float().contiguous(), blocksize=NF4_BLOCK, quant_type="nf4")
        return {"values": values, "scale": state.absmax}

    def unpack(self, packed: Mapping[str, Tensor], shape: torch.Size, dtype: torch.dtype) -> Tensor:
        from bitsandbytes.functional import QuantState, dequantize_4bit, get_4bit_type  # noqa: PLC0415

        values, scale = packed["values"], packed["scale"]
        code = get_4bit_type("nf4", device=values.device)
        state = QuantState(scale, shape=shape, code=code, blocksize=NF4_BLOCK, quant_type="nf4", dtype=dtype)
        return dequantize_4bit(values, state)


# By the setting `base_precision`. A path for a card is methods of the format's own class.
FORMATS: dict[BasePrecision, Format] = {
    "same": Whole(), "fp8": Scaled(torch.float8_e4m3fn), "int8": Scaled(torch.int8), "nf4": NormalFloat4(),
}  # fmt: skip

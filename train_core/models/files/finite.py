"""Values that are not numbers (NaN or infinity): found as tensors are read and written, with their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.problems import UserError, problem


class NotFiniteError(UserError):
    """A tensor holds values that are not numbers."""


def all_finite(tensor: Tensor) -> bool:
    """Whether all values of `tensor` are numbers; one pass over it, many times as fast as writing it."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    least, most = torch.aminmax(tensor.detach().float() if tensor.itemsize == 1 else tensor.detach())
    return bool(torch.isfinite(least) and torch.isfinite(most))


def checked(read: Callable[[], Tensor], file: Path, name: str) -> Callable[[], Tensor]:
    """`read`, which gives the tensor `name` of `file`. It raises `NotFiniteError` if not all values are numbers."""

    def read_checked() -> Tensor:
        tensor = read()
        if all_finite(tensor):
            return tensor
        raise NotFiniteError(
            problem(
                "file_not_finite",
                "{file} contains invalid values (NaN or infinity) in {name}: it is damaged, or the training or merge "
                "that made it went wrong. Use another copy or an earlier file.",
                file=str(file), name=name,
            )
        )

    return read_checked


def rounded(tensor: Tensor, dtype: torch.dtype, file: Path, name: str) -> Tensor:
    """`tensor` as it is written to `file` as `name`: in `dtype`, on the CPU. Raises `NotFiniteError`."""
    result = tensor.detach().to("cpu", dtype).contiguous()
    if all_finite(result):
        return result
    if all_finite(tensor):
        raise NotFiniteError(
            problem(
                "result_too_large",
                "{file} was not saved: values of {name} are too large for {format}. Choose bf16 or float as the number "
                "format.",
                file=str(file), name=name, format="fp16" if dtype == torch.float16 else str(dtype).split(".")[-1],
            )
        )
    raise NotFiniteError(
        problem(
            "result_not_finite",
            "{file} was not saved: the calculation gave invalid values (NaN or infinity) for {name}. The files it "
            "started from are sound, so the strengths are too large; lower them.",
            file=str(file), name=name,
        )
    )

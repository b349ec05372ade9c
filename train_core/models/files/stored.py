"""Reading weight files tensor by tensor, so that no second copy of a model is ever in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.problems import UserError, problem
from train_core.facts.models.tensor_files import TensorFile, TensorInfo, read_tensor_file
from train_core.models.files.finite import checked

DTYPES = {
    "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "I64": torch.int64, "I32": torch.int32,
    "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool, "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz, "U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16,
}  # fmt: skip


@dataclass(frozen=True)
class Stored:
    """A tensor in a file, or one that is made of some: its shape, how to get it, and the number format it has there.

    What is `kept` is written as it is, whatever its values are.
    """

    shape: tuple[int, ...]
    read: Callable[[], Tensor]
    dtype: torch.dtype = torch.float32
    kept: bool = False


def in_memory(tensors: Mapping[str, Tensor]) -> dict[str, Stored]:
    """`tensors` as if they were in a file."""
    return {name: Stored(tuple(t.shape), partial(_same, t), t.dtype) for name, t in tensors.items()}


def transposed(matrix: Stored) -> Stored:
    """The (n, m) matrix of an (m, n) one."""
    return Stored(matrix.shape[::-1], lambda: matrix.read().T, matrix.dtype)


def joined(rows: Sequence[Stored]) -> Stored:
    """Tensors below each other in one."""
    shape = (sum(one.shape[0] for one in rows), *rows[0].shape[1:])
    return Stored(shape, lambda: torch.cat([one.read().to(rows[0].dtype) for one in rows]), rows[0].dtype)


def reshaped(tensor: Stored, shape: tuple[int, ...]) -> Stored:
    """The same numbers in another shape."""
    return tensor if shape == tensor.shape else Stored(shape, lambda: tensor.read().reshape(shape), tensor.dtype)


def as_kernel(matrix: Stored) -> Stored:
    """A matrix (out, in) as a 1x1 convolution (out, in, 1, 1)."""
    return Stored((*matrix.shape, 1, 1), lambda: matrix.read()[:, :, None, None], matrix.dtype)


def as_matrix(kernel: Stored) -> Stored:
    """A 1x1 convolution (out, in, 1, 1) as the matrix (out, in)."""
    return Stored(kernel.shape[:2], lambda: kernel.read()[:, :, 0, 0], kernel.dtype)


def open_weights(path: Path) -> dict[str, Stored]:
    """The tensors of the `.safetensors` or pickled file at `path`, by name. Raises UserError where it is unfit."""
    return stored_tensors(read_tensor_file(path))


def stored_tensors(file: TensorFile) -> dict[str, Stored]:
    """The tensors of a file whose header has been read, by name.

    Reading one raises UserError where that is not possible, `NotFiniteError` if its values are not all numbers.
    """
    return {
        name: Stored(info.shape, checked(_reader(file.path, info), file.path, name), _dtype(info))
        for name, info in file.tensors.items()
    }


def kept_tensors(file: TensorFile) -> dict[str, Stored]:
    """The tensors of a file, to be written once more to the bit. Raises UserError for a number format not known."""
    unknown = next((info.dtype for info in file.tensors.values() if info.dtype not in DTYPES), None)
    if unknown is not None:
        raise _unknown_format(file.path, unknown)
    return {
        name: Stored(info.shape, _reader(file.path, info), DTYPES[info.dtype], kept=True)
        for name, info in file.tensors.items()
    }


def _dtype(info: TensorInfo) -> torch.dtype:
    return DTYPES.get(info.dtype, torch.float32)  # what cannot be read is told when it is


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _reader(path: Path, info: TensorInfo) -> Callable[[], Tensor]:
    """Reads one tensor. Reading, unlike mapping, leaves no pages of the file counted as our memory."""

    def read() -> Tensor:
        if info.dtype not in DTYPES:
            raise _unknown_format(path, info.dtype)
        dtype = DTYPES[info.dtype]
        numbers = torch.empty((info.end - info.start) // dtype.itemsize, dtype=dtype)
        with path.open("rb") as file:
            file.seek(info.start)
            file.readinto(numbers.view(torch.uint8).numpy().data)
        if info.stride is None:
            return numbers.view(info.shape)
        return numbers.as_strided(info.shape, info.stride).contiguous()

    return read


def _unknown_format(path: Path, name: str) -> UserError:
    return UserError(
        problem(
            "model_number_format",
            "{file} stores numbers as {format}, which is not supported. Use an fp16, bf16 or fp32 copy.",
            file=str(path), format=name,
        )
    )

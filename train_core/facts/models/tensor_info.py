"""Places of tensors in weight files."""

from __future__ import annotations

from dataclasses import dataclass

# Bytes of a number, by the names that the safetensors format has for number formats.
BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip


@dataclass(frozen=True)
class TensorInfo:
    """One tensor: its shape, its number format, and the bytes [start, end) that it fills in the file.

    `stride` says, for tensors of pickles that lie there in another order, how many numbers apart neighbours are.
    """

    shape: tuple[int, ...]
    dtype: str = ""
    start: int = 0
    end: int = 0
    stride: tuple[int, ...] | None = None

"""Writing weight files tensor by tensor: whole or not at all, and the same bytes for the same contents."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.problems import UserError, cause_of
from train_core.config.whole_files import write_whole
from train_core.facts.run import writable
from train_core.models.files.finite import rounded
from train_core.models.files.stored import DTYPES, Stored

NAMES = {dtype: name for name, dtype in DTYPES.items()}
# Wide numbers first, as the safetensors library has it, so that every tensor begins at a multiple of its number's size.
ORDER = (
    "I64", "F64", "U64", "F32", "I32", "U32", "BF16", "F16", "I16", "U16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ",
    "F8_E5M2FNUZ", "I8", "U8", "BOOL",
)  # fmt: skip


class NotWrittenError(UserError):
    """A file or folder could not be written."""


def write_safetensors(
    path: Path, tensors: Mapping[str, Stored], metadata: Mapping[str, str],
    progress: Callable[[int, int], None] = lambda done, total: None, shown: Path | None = None,
) -> None:
    """Write `tensors` to `path`, reading one after the other, each in its stated dtype.

    Another file of this name is only replaced once the new one is complete; whatever ends the writing before leaves
    nothing. `progress` is told how many of how many tensors are written. Metadata stands in alphabetical order.
    Messages name the file `shown`, for one within a folder that is being written.
    UserError when the file cannot be written, `NotFiniteError` when a value is not a number.
    """
    with write_result(path) as temporary:
        write_tensors(temporary, tensors, metadata, progress, shown or path)


def write_tensors(
    path: Path, tensors: Mapping[str, Stored], metadata: Mapping[str, str],
    progress: Callable[[int, int], None] = lambda done, total: None, shown: Path | None = None,
) -> None:
    """`write_safetensors` into a file that nobody looks at before it is whole. Raises OSError, `NotFiniteError`."""
    ordered = sorted(tensors.items(), key=lambda item: (ORDER.index(NAMES[item[1].dtype]), item[0]))
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    end = 0
    for name, stored in ordered:
        start, end = end, end + math.prod(stored.shape) * stored.dtype.itemsize
        header[name] = {"dtype": NAMES[stored.dtype], "shape": list(stored.shape), "data_offsets": [start, end]}
    with path.open("wb") as file:
        file.write(header_bytes(header))
        for done, (name, stored) in enumerate(ordered, 1):
            file.write(bytes_of(as_written(stored, shown or path, name)))
            progress(done, len(ordered))


def header_bytes(header: Mapping[str, object]) -> bytes:
    """A safetensors file up to its tensors: how long the header is, and the header, filled up to whole words."""
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head


@contextmanager
def write_result(path: Path, clear: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """`write_whole` for a file or folder that the user waits for. Raises UserError when it cannot be written."""
    with telling(path), write_whole(path, clear=clear) as temporary:
        yield temporary


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn an OSError into the `UserError` that says that `path` could not be written."""
    try:
        yield
    except OSError as error:
        raise not_written(path, cause_of(error)) from error


def not_written(path: Path, reason: str) -> NotWrittenError:
    """The error where a result cannot be written."""
    return NotWrittenError(writable.not_written(path, reason))


def as_written(stored: Stored, path: Path, name: str) -> Tensor:
    """`stored` as it stands in the file `path`, contiguous and on the CPU. Raises `NotFiniteError`."""
    return stored.read() if stored.kept else rounded(stored.read(), stored.dtype, path, name)


def bytes_of(tensor: Tensor) -> memoryview[int]:
    """The values of a contiguous tensor on the CPU as they stand in memory."""
    return tensor.reshape(-1).view(torch.uint8).numpy().data

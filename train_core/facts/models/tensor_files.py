"""Headers of weight files: names, shapes and types of tensors, without loading or running anything."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.existing import is_file, is_out_of_reach
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.untrusted import json_of
from train_core.facts.models.pickled_files import Pickled, read_pickled, read_pickled_beginning
from train_core.facts.models.tensor_info import BYTES, TensorInfo

HEADER_LIMIT = 100_000_000  # the format's own bound
LARGEST = 1 << 63
MOST_TENSORS = 100_000  # far more than any model or adapter has
STARTS_READ = 512  # bytes by which files that are no models are told


@dataclass(frozen=True)
class TensorFile:
    """The contents of a weight file."""

    path: Path
    layout: str  # "safetensors" or "ckpt"
    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]


def read_tensor_file(path: Path) -> TensorFile:
    """The contents of the weight file at `path`. Raises UserError where it is not what its name says."""
    if not is_file(path) and not is_out_of_reach(path):
        raise UserError(
            problem("model_file_missing", "{file} does not exist. Choose the model file again.", file=str(path))
        )
    try:
        with path.open("rb") as file:
            start = file.read(STARTS_READ)
    except OSError as error:
        raise UserError(
            problem(
                "model_file_unreadable",
                "{file} cannot be read ({reason}). Check its permissions and the drive.",
                file=str(path),
                reason=cause_of(error),
            )
        ) from error
    _refuse_stand_ins(path, start)
    if _is_safetensors(path):
        return _read_safetensors(path, start)
    return _read_pickle(path, start, read_pickled)


def read_beginning(path: Path, start: bytes, size: int) -> TensorFile:
    """The contents of a weight file of `size` bytes that is called `path` and begins with `start`, all that is at hand.

    Of pickles it is not told where tensors lie. Raises UserError as `read_tensor_file`, and where the beginning does
    not tell enough.
    """
    _refuse_stand_ins(path, start[:STARTS_READ])
    if _is_safetensors(path):
        length = _header_length(path, start[:STARTS_READ], size)
        if len(start) < 8 + length:
            raise _not_in_the_beginning(path)
        return _safetensors_in(path, start[8 : 8 + length], size)
    try:
        return _read_pickle(path, start, read_pickled_beginning)
    except UserError as error:
        if size > len(start) and error.problems[0].code == "model_file_broken":
            raise _not_in_the_beginning(path) from error
        raise


def _is_safetensors(path: Path) -> bool:
    """Whether its name says so, and not that it is pickled. Raises UserError where it says neither."""
    ending = path.suffix.lower()
    if ending not in (".safetensors", ".ckpt", ".pt", ".pth", ".bin"):
        raise UserError(
            problem(
                "model_file_ending",
                "{file} is not a supported model file. Choose a .safetensors or .ckpt file.",
                file=str(path),
            )
        )
    return ending == ".safetensors"


def read_ahead(path: Path) -> None:
    """Ask the system to fetch the file at `path` into memory in the background, if it can; returns at once."""
    if hasattr(os, "posix_fadvise") and is_file(path):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _refuse_stand_ins(path: Path, start: bytes) -> None:
    """Raise UserError for what failed downloads leave: an empty file, a web page, a Git LFS pointer."""
    if not start:
        raise UserError(problem("model_file_empty", "{file} is empty. Download the model again.", file=str(path)))
    if start.startswith(b"version https://git-lfs"):
        raise UserError(
            problem(
                "model_file_lfs_pointer",
                "{file} is only a Git LFS pointer, not the model. Run `git lfs pull` in its "
                "folder, or download the file itself.",
                file=str(path),
            )
        )
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise UserError(
            problem(
                "model_file_web_page",
                "{file} is a web page, not a model: the download needed a login or another "
                "link. Download the model again in a browser.",
                file=str(path),
            )
        )


def _looks_like_pickle(start: bytes) -> bool:
    return start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"))


def _begins_safetensors(start: bytes) -> bool:
    """Whether a file begins as a .safetensors does: with the length of a header, and the header.

    The lengths of some headers look like the start of a pickle, so this is to be asked first.
    """
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= HEADER_LIMIT


def _read_safetensors(path: Path, start: bytes) -> TensorFile:
    size = path.stat().st_size
    length = _header_length(path, start, size)
    with path.open("rb") as file:
        file.seek(8)
        return _safetensors_in(path, file.read(length), size)


def _header_length(path: Path, start: bytes, size: int) -> int:
    """The bytes of the header of the file, which begins with `start`. Raises UserError where it cannot have one."""
    if _looks_like_pickle(start) and not _begins_safetensors(start):
        raise UserError(
            problem(
                "model_file_renamed_pickle",
                "{file} is a pickled checkpoint renamed to .safetensors. Rename it back to "
                ".ckpt, or download the real .safetensors.",
                file=str(path),
            )
        )
    length = int.from_bytes(start[:8], "little")
    if len(start) < 8 or length > HEADER_LIMIT or (len(start) > 8 and start[8:9] != b"{"):
        raise _broken(path)
    if size < 8 + length:
        raise _truncated(path, 8 + length, size)
    return length


def _safetensors_in(path: Path, raw: bytes, size: int) -> TensorFile:
    """The contents by the `raw` header of a file of `size` bytes."""
    length, header = len(raw), _parse_header(path, raw)
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict):
        raise _broken(path)
    try:
        tensors = {name: _tensor_info(entry, 8 + length) for name, entry in header.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(path) from error
    expected = max((info.end for info in tensors.values()), default=8 + length)
    if size < expected:
        raise _truncated(path, expected, size)
    return TensorFile(path, "safetensors", tensors, {str(key): str(value) for key, value in metadata.items()})


def _parse_header(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        header = json_of(raw) if raw.count(b'"data_offsets"') <= MOST_TENSORS else None
    except ValueError as error:
        raise _broken(path) from error
    if not isinstance(header, dict):
        raise _broken(path)
    return header


def _tensor_info(entry: dict[str, Any], data_start: int) -> TensorInfo:
    """The header's `entry`; raises KeyError, TypeError or ValueError where its parts contradict each other."""
    shape, (start, end) = tuple(entry["shape"]), entry["data_offsets"]
    sizes = (*shape, start, end)
    if not isinstance(entry["dtype"], str) or not all(type(size) is int and 0 <= size < LARGEST for size in sizes):
        raise TypeError("not sizes")
    if end < start:
        raise ValueError("bytes out of order")
    if entry["dtype"] in BYTES and math.prod(shape) * BYTES[entry["dtype"]] != end - start:
        raise ValueError("size and shape differ")
    return TensorInfo(shape, entry["dtype"], data_start + start, data_start + end)


def _read_pickle(path: Path, start: bytes, read: Callable[[Path, bytes], Pickled]) -> TensorFile:
    if _begins_safetensors(start):
        raise UserError(
            problem(
                "model_file_renamed_safetensors",
                "{file} is a .safetensors file with the wrong file extension. Rename it to .safetensors.",
                file=str(path),
            )
        )
    try:
        return TensorFile(path, "ckpt", *read(path, start))
    except ValueError as error:
        raise _broken(path) from error


def _not_in_the_beginning(path: Path) -> UserError:
    return UserError(
        problem(
            "model_file_beginning",
            "{file}: of a file that is dropped on the page only the beginning is read, and that of this one does not "
            "tell what it is. Type its path into the field of a model, or into the tool Look into a file.",
            file=str(path),
        )
    )


def _broken(path: Path) -> UserError:
    return UserError(
        problem("model_file_broken", "{file} is damaged: its header cannot be read. Download it again.", file=str(path))
    )


def _truncated(path: Path, expected: int, size: int) -> UserError:
    return UserError(
        problem(
            "model_file_truncated",
            "{file} is incomplete: it has {size} of {expected} bytes. The download was probably interrupted; download "
            "it again.",
            file=str(path),
            size=f"{size:,}",
            expected=f"{expected:,}",
        )
    )

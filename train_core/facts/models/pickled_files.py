"""Pickled weight files: where each tensor's numbers lie in a torch archive, or in the form used before 2020."""

from __future__ import annotations

import errno
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO

from train_core.config.phrases import phrase
from train_core.config.problems import UserError, problem
from train_core.facts.models.a1111_pickles import hypernetwork_in, said_in
from train_core.facts.models.pickles import PickleContents, PickledTensor, Thing, tensors_in, walk_pickle
from train_core.facts.models.tensor_info import BYTES, TensorInfo

OLD_MAGIC = 0x1950A86A20F9469CFC6C
LOCAL_HEADER = 30  # bytes of a zip's header before an entry, without its name and what else follows
Place = tuple[int, int]  # where a storage begins, and how many bytes it has
Pickled = tuple[dict[str, TensorInfo], dict[str, str]]  # the tensors, and what the file says of itself
WEIGHT_FILES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")


def read_pickled(path: Path, start: bytes) -> Pickled:
    """The tensors of the pickled file at `path`, which begins with `start`, and what it says of itself.

    Nothing in it is run. Raises UserError that names program code and other reasons why it cannot be read, ValueError
    for a damaged file.
    """
    return _guarded(lambda: _read_whole(path, start))


def read_pickled_beginning(path: Path, start: bytes) -> Pickled:
    """The same of a file that begins with `start`, which is all that is at hand; where its tensors lie is not told.

    Raises ValueError also where the beginning does not hold the list of tensors.
    """
    return _guarded(lambda: _read_beginning(path, start))


def _guarded(read: Callable[[], Pickled]) -> Pickled:
    try:
        return read()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, LookupError, EOFError, RuntimeError, TypeError, OverflowError,
            zlib.error, struct.error) as error:  # fmt: skip
        raise ValueError(str(error)) from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise ValueError("the archive points to before its beginning") from error


def _read_whole(path: Path, start: bytes) -> Pickled:
    if zipfile.is_zipfile(path):
        return _read_archive(path)
    if start.startswith(b"PK"):
        raise ValueError("the archive has no end")
    return _read_old(path)


def _read_beginning(path: Path, start: bytes) -> Pickled:
    if start.startswith(b"PK"):
        contents = walk_pickle(BytesIO(_first_entry(start)))
    else:
        contents, _ = _walk_old(path, BytesIO(start))
    tensors, said = _named(path, contents)
    return {name: TensorInfo(tensor.shape, tensor.dtype) for name, tensor in tensors.items()}, said


def _first_entry(start: bytes) -> bytes:
    """What follows the first header of an archive, where torch has its list of tensors. Raises ValueError for others'.

    The header tells no size, and needs none: a pickle says where it ends.
    """
    flags, method = struct.unpack_from("<HH", start, 6)
    name, extra = struct.unpack_from("<HH", start, LOCAL_HEADER - 4)
    called = start[LOCAL_HEADER : LOCAL_HEADER + name].decode("utf-8", "replace")
    if called.rpartition("/")[2] != "data.pkl" or method != zipfile.ZIP_STORED or flags & 1:
        raise ValueError("another file comes first")
    return start[LOCAL_HEADER + name + extra :]


def _read_archive(path: Path) -> Pickled:
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        entries = {entry.filename: entry for entry in archive.infolist()}
        name = next((name for name in entries if name.rpartition("/")[2] == "data.pkl"), None)
        if name is None:
            raise _no_checkpoint(path, list(entries))
        root = name.removesuffix("data.pkl")
        if f"{root}constants.pkl" in entries:
            raise _unreadable(path, phrase("torchscript", "it is a TorchScript program, not a checkpoint"))
        if any(entry.flag_bits & 1 for entry in entries.values()):
            raise _unreadable(path, phrase("archive_encrypted", "it is encrypted"))
        if f"{root}byteorder" in entries and archive.open(f"{root}byteorder").read(3) == b"big":
            raise _unreadable(path, phrase("big_endian", "it was saved on a big-endian computer"))
        with archive.open(name) as stream:
            contents = walk_pickle(stream)
        places = {}
        for key in {storage.key for storage in contents.storages}:
            entry = entries[f"{root}data/{key}"]
            if entry.compress_type != zipfile.ZIP_STORED:
                raise _unreadable(path, phrase("archive_compressed", "its archive was compressed by another tool"))
            places[key] = (_start_of(file, entry), entry.file_size)
        return _placed(path, contents, places)


def _start_of(file: IO[bytes], entry: zipfile.ZipInfo) -> int:
    """Where the contents of an archive's entry begin."""
    file.seek(entry.header_offset + LOCAL_HEADER - 4)
    lengths = file.read(4)
    name, extra = (int.from_bytes(lengths[place : place + 2], "little") for place in (0, 2))
    return entry.header_offset + LOCAL_HEADER + name + extra


def _read_old(path: Path) -> Pickled:
    """The same of torch's older form: pickles one after the other, then the storages, each led by its size."""
    with path.open("rb") as file:
        contents, keys = _walk_old(path, file)
        widths = {storage.key: BYTES.get(storage.dtype, 0) for storage in contents.storages}
        places: dict[str, Place] = {}
        whole = path.stat().st_size
        for key in keys:
            size = int.from_bytes(file.read(8), "little") * widths.get(key, 0)
            places[key] = (file.tell(), size)
            if file.tell() + size > whole:
                raise ValueError("cut short")
            file.seek(size, 1)
    return _placed(path, contents, places)


def _walk_old(path: Path, file: IO[bytes]) -> tuple[PickleContents, list[str]]:
    """The contents of such a file, and the names of its storages in the order in which they follow."""
    try:
        if walk_pickle(file).root != OLD_MAGIC:
            raise ValueError("no torch file")
    except ValueError as error:
        raise _not_torch(path) from error
    for _ in ("the version of the form", "the computer that it was saved on"):
        walk_pickle(file)
    contents = walk_pickle(file)
    return contents, [str(key) for key in walk_pickle(file).root]


def _placed(path: Path, contents: PickleContents, places: Mapping[str, Place]) -> Pickled:
    """The tensors in `contents` with where their numbers lie, and what is said beside them."""
    tensors, said = _named(path, contents)
    return {name: _info(tensor, places[tensor.storage.key]) for name, tensor in tensors.items()}, said


def _named(path: Path, contents: PickleContents) -> tuple[dict[str, PickledTensor], dict[str, str]]:
    """The tensors in `contents`, and what is said beside them. Raises UserError for program code."""
    if contents.code:
        raise UserError(
            problem(
                "model_file_pickled_code",
                "Loading {file} in the usual way would run program code ({names}), which could do anything, so it was "
                "not opened. Use a .safetensors file of this model.",
                file=str(path), names=", ".join(contents.code[:3]),
            )
        )
    tensors = hypernetwork_in(contents.root) or tensors_in(contents.root)
    if isinstance(contents.root, Thing) and not contents.root.origin.startswith(("collections.", "builtins.")):
        raise _unreadable(
            path, phrase("pickled_object", "it holds a Python object ({name}), not weights by their names",
                         name=contents.root.origin)
        )  # fmt: skip
    return tensors, said_in(contents.root)


def _info(tensor: PickledTensor, place: Place) -> TensorInfo:
    """The bytes from the tensor's first number to its last. Raises ValueError where its storage has fewer."""
    width = BYTES.get(tensor.dtype)
    if width is None:
        return TensorInfo(tensor.shape, tensor.dtype)  # what cannot be read is told when it is
    steps = [(size - 1) * step for size, step in zip(tensor.shape, tensor.stride, strict=True)]
    reach = 0 if 0 in tensor.shape else 1 + sum(steps)
    begin = (tensor.storage.begin + tensor.offset) * width
    if begin + reach * width > place[1]:
        raise ValueError("a tensor reaches beyond its storage")
    start = place[0] + begin
    in_order = reach == math.prod(tensor.shape) and tensor.stride == _in_order(tensor.shape, tensor.stride)
    return TensorInfo(tensor.shape, tensor.dtype, start, start + reach * width, None if in_order else tensor.stride)


def _in_order(shape: tuple[int, ...], stride: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a tensor whose numbers follow each other; sides of 1 may have any."""
    found, step = [], 1
    for size, its in zip(reversed(shape), reversed(stride), strict=True):
        found.append(its if size <= 1 else step)
        step *= size
    return tuple(reversed(found))


def _no_checkpoint(path: Path, names: list[str]) -> Exception:
    inside = next((name for name in names if name.lower().endswith(WEIGHT_FILES)), None)
    if inside is None:
        return ValueError("no pickle in the archive")
    return UserError(
        problem(
            "model_file_zipped", "{file} is a zip archive that holds {name}. Unpack it, and choose the file in it.",
            file=str(path), name=inside,
        )
    )


def _not_torch(path: Path) -> UserError:
    return UserError(
        problem(
            "model_file_old_pickle",
            "{file} is no checkpoint of PyTorch, or its beginning is missing. Download it again, or use a .safetensors "
            "file of this model.",
            file=str(path),
        )
    )


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(
        problem(
            "model_file_not_loadable",
            "{file} cannot be read: {reason}. Use a .safetensors file of this model.", file=str(path), reason=reason,
        )
    )

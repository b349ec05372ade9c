"""Writing pickles of tensors as torch has them: checkpoints tensor by tensor, so that no second copy of a model is in
memory, and what is small as a whole.

Their archives have the entries that every version of A1111 allows, and no others.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch._utils import _rebuild_tensor_v2

from train_core.facts.models.a1111_pickles import METADATA
from train_core.models.files import writing
from train_core.models.files.stored import Stored

ROOT = "archive"
STORAGES: dict[torch.dtype, Any] = {
    torch.float16: torch.HalfStorage, torch.bfloat16: torch.BFloat16Storage, torch.float32: torch.FloatStorage,
    torch.float64: torch.DoubleStorage, torch.int64: torch.LongStorage, torch.int32: torch.IntStorage,
    torch.int16: torch.ShortStorage, torch.int8: torch.CharStorage, torch.uint8: torch.ByteStorage,
    torch.bool: torch.BoolStorage,
}  # fmt: skip
EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip's first date: the same contents are the same bytes


class _Storage:
    """Stands in the pickle for the numbers of a tensor, which follow in an entry of their own."""

    def __init__(self, key: str, dtype: torch.dtype, count: int) -> None:
        self.id = ("storage", STORAGES[dtype], key, "cpu", count)


class _Tensor:
    """Stands for a tensor; it is pickled as torch pickles one."""

    def __init__(self, key: str, stored: Stored) -> None:
        self.key, self.stored = key, stored

    def __reduce__(self) -> tuple[Any, ...]:
        shape = self.stored.shape
        strides = tuple(math.prod(shape[place + 1 :]) for place in range(len(shape)))
        storage = _Storage(self.key, self.stored.dtype, math.prod(shape))
        return _rebuild_tensor_v2, (storage, 0, shape, strides, False, OrderedDict())


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.id if isinstance(obj, _Storage) else None


def write_pickled_state(
    path: Path, tensors: Mapping[str, Stored], metadata: Mapping[str, str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write `tensors` to `path` under "state_dict", each in its stated dtype, as `write_safetensors` does.

    Other programs read nothing else of it; metadata, if there are any, stand beside it.
    Number formats that torch's storages have no class for, as those in 8 bits, are written as fp32.
    """
    known = {
        name: one if one.dtype in STORAGES else Stored(one.shape, one.read, torch.float32)
        for name, one in tensors.items()
    }
    state = OrderedDict((name, _Tensor(str(key), one)) for key, (name, one) in enumerate(known.items()))
    listing = BytesIO()
    said = {METADATA: dict(sorted(metadata.items()))} if metadata else {}
    _Pickler(listing, protocol=2).dump({"state_dict": state, **said})
    with writing.write_result(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry("data.pkl"), listing.getvalue())
        for done, (name, one) in enumerate(known.items(), 1):
            with archive.open(_entry(f"data/{state[name].key}"), "w", force_zip64=True) as file:
                file.write(writing.bytes_of(writing.as_written(one, path, name)))
            progress(done, len(known))
        archive.writestr(_entry("version"), b"3\n")


def write_pickled(path: Path, contents: Mapping[Any, Any]) -> None:
    """Write `contents`, plain values and tensors within dicts, lists and tuples. UserError where that fails."""
    with writing.write_result(path) as temporary:
        save_pickled(temporary, contents)


def save_pickled(path: Path, contents: Mapping[Any, Any]) -> None:
    """Write them to `path` itself, as they come."""
    buffer = BytesIO()
    torch.save(dict(contents), buffer)
    with zipfile.ZipFile(buffer) as made, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry in made.infolist():
            name = entry.filename.partition("/")[2]
            if name in ("data.pkl", "version") or name.startswith("data/"):
                archive.writestr(_entry(name), made.read(entry))


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"{ROOT}/{name}", EARLIEST)

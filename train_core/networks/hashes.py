"""The hashes by which other software knows adapters and the models they were trained on."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
from torch import Tensor

LEGACY_START, LEGACY_LENGTH = 2**20, 2**16
HEADER_LENGTH_BYTES = 8
A_FOLDER = "IsADirectory"


@dataclass(frozen=True)
class FileHashes:
    """`legacy`: 8 hex digits of the SHA-256 of 64 KiB from 1 MiB on. `sha256`: of the whole file. Folders have none."""

    legacy: str
    sha256: str


def adapter_hashes(tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """`sshs_model_hash` and `sshs_legacy_hash` of an adapter, as the additional-networks extension defined them.

    Both are taken over the file as it would be with the `ss_` metadata alone: the first over all that follows the
    header, so that it is the same whatever the metadata, the second over 64 KiB from 1 MiB on.
    """
    ours = {name: value for name, value in metadata.items() if name.startswith("ss_")}
    content = memoryview(safetensors.torch.save(tensors, ours))
    header = HEADER_LENGTH_BYTES + int.from_bytes(content[:HEADER_LENGTH_BYTES], "little")
    legacy = hashlib.sha256(content[LEGACY_START : LEGACY_START + LEGACY_LENGTH]).hexdigest()[:8]
    return {"sshs_model_hash": hashlib.sha256(content[header:]).hexdigest(), "sshs_legacy_hash": legacy}


def file_hashes(path: Path) -> FileHashes:
    """Both hashes of a model file, read from start to end; folders have the ecosystem's placeholder."""
    if path.is_dir():
        return FileHashes(A_FOLDER, A_FOLDER)
    with path.open("rb") as file:
        file.seek(LEGACY_START)
        legacy = hashlib.sha256(file.read(LEGACY_LENGTH)).hexdigest()[:8]
        file.seek(0)
        return FileHashes(legacy, hashlib.file_digest(file, "sha256").hexdigest())


def remembered_hashes(path: Path, memory: Path) -> FileHashes:
    """`file_hashes`, from the JSON file `memory` if the file still has the place, size and time noted there."""
    if path.is_dir():
        return file_hashes(path)
    key = str(path.resolve())
    stamp = [path.stat().st_size, path.stat().st_mtime_ns]
    noted = _read(memory).get(key)
    if isinstance(noted, dict) and noted.get("stamp") == stamp:
        return FileHashes(noted["legacy"], noted["sha256"])
    hashes = file_hashes(path)
    _write(memory, {**_read(memory), key: {"stamp": stamp, **asdict(hashes)}})
    return hashes


def hashes_in_background(path: Path, memory: Path) -> Future[FileHashes]:
    """`remembered_hashes` from a thread of its own: reading gigabytes must not hold up the start of training."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="model-hash")
    future = executor.submit(remembered_hashes, path, memory)
    executor.shutdown(wait=False)
    return future


def _read(memory: Path) -> dict[str, object]:
    try:
        noted = json.loads(memory.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}  # it is a cache: what is not there, or was cut short, is computed again
    return noted if isinstance(noted, dict) else {}


def _write(memory: Path, noted: dict[str, object]) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    temporary = memory.with_name(f"{memory.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    temporary.write_text(json.dumps(noted, ensure_ascii=False), encoding="utf-8")
    temporary.replace(memory)

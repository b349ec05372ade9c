"""The hashes by which other software knows adapters and the models they were trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import safetensors.torch
from torch import Tensor

from train_core.config.existing import is_dir
from train_core.facts.file_cache import recall
from train_core.facts.models.about import FILE_HASHES
from train_core.facts.models.tensor_files import TensorFile
from train_core.models.files.writing import ORDER, header_bytes

LEGACY_START, LEGACY_LENGTH = 2**20, 2**16
HEADER_LENGTH_BYTES = 8
A_FOLDER = "IsADirectory"
PIECE = 1 << 24
PLACES = {name: place for place, name in enumerate(ORDER)}


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


@dataclass(frozen=True)
class TensorHashes:
    """Hashes of a `.safetensors` file's tensors, whatever its metadata.

    `in_file`: the SHA-256 of all that follows the header; its first 12 digits are AutoV3. `in_order`: the same with the
    tensors in the order in which the safetensors library writes them, as `sshs_model_hash` is taken. `legacy`: 8 hex
    digits, as `sshs_legacy_hash`.
    """

    in_file: str
    in_order: str
    legacy: str

    def match(self, stored: str) -> bool:
        """Whether a hash from a header is that of these tensors."""
        return stored.lower().removeprefix("0x") in (self.in_file, self.in_order)


def tensor_hashes(file: TensorFile) -> TensorHashes:
    """The hashes that `file`, a `.safetensors`, would have in its header if it was saved now."""
    ordered = sorted(file.tensors.items(), key=lambda item: (PLACES.get(item[1].dtype, len(PLACES)), item[0]))
    header: dict[str, object] = {"__metadata__": {n: v for n, v in file.metadata.items() if n.startswith("ss_")}}
    end = 0
    for name, info in ordered:
        start, end = end, end + info.end - info.start
        header[name] = {"dtype": info.dtype, "shape": list(info.shape), "data_offsets": [start, end]}
    window = bytearray()
    digest, place = hashlib.sha256(), len(header_bytes(header))
    with file.path.open("rb") as content:
        length = int.from_bytes(content.read(HEADER_LENGTH_BYTES), "little")
        content.seek(HEADER_LENGTH_BYTES + length)
        in_file = hashlib.file_digest(content, "sha256").hexdigest()
        for _, info in ordered:
            content.seek(info.start)
            for size in _pieces(info.end - info.start):
                piece = content.read(size)
                digest.update(piece)
                window += piece[max(LEGACY_START - place, 0) : max(LEGACY_START + LEGACY_LENGTH - place, 0)]
                place += size
    return TensorHashes(in_file, digest.hexdigest(), hashlib.sha256(window).hexdigest()[:8])


def _pieces(size: int) -> Iterator[int]:
    """`size` in parts that fit in memory."""
    for start in range(0, size, PIECE):
        yield min(PIECE, size - start)


def file_hashes(path: Path) -> FileHashes:
    """Both hashes of a model file, read from start to end; folders have the ecosystem's placeholder."""
    if is_dir(path):
        return FileHashes(A_FOLDER, A_FOLDER)
    with path.open("rb") as file:
        file.seek(LEGACY_START)
        legacy = hashlib.sha256(file.read(LEGACY_LENGTH)).hexdigest()[:8]
        file.seek(0)
        return FileHashes(legacy, hashlib.file_digest(file, "sha256").hexdigest())


def remembered_hashes(path: Path, memory: Path) -> FileHashes:
    """`file_hashes`, from the database `memory` while the file has the size and time that it had then."""
    if is_dir(path):
        return file_hashes(path)
    known = recall([path], FILE_HASHES, lambda file: " ".join(astuple(file_hashes(file))), memory)
    return FileHashes(*known[path].split())


def hashes_in_background(path: Path, memory: Path) -> Future[FileHashes]:
    """`remembered_hashes` from a separate thread: reading gigabytes must not delay the start of training.

    If the file can no longer be read they are empty, so that the result is still saved.
    """

    def hashes() -> FileHashes:
        try:
            return remembered_hashes(path, memory)
        except OSError:
            return FileHashes("", "")

    executor = ThreadPoolExecutor(1, thread_name_prefix="model-hash")
    future = executor.submit(hashes)
    executor.shutdown(wait=False)
    return future

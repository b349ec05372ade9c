"""Pictures of a dataset as files: numbers that stay theirs, where they lie, and the digests of what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from train_core.config.problems import UserError
from train_core.facts.images.image_files import ImageHeader, content_hashes


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a dataset. `id` follows from its path, so that it stays when the program is started again."""

    id: int
    path: Path
    header: ImageHeader
    stamp: str  # another one when the file has changed
    seconds: float  # when that was


def pictures_of(paths: Sequence[Path], heads: Mapping[Path, ImageHeader]) -> dict[int, Picture]:
    """The pictures with these headers by their ids, in the order of `paths`."""
    found: dict[int, Picture] = {}
    for path in paths:
        try:
            state = path.stat()
        except OSError:  # it was there a moment ago
            continue
        id = _id_of(path)
        while id in found:
            id += 1
        found[id] = Picture(id, path, heads[path], f"{state.st_mtime_ns:x}-{state.st_size:x}", state.st_mtime)
    return found


@lru_cache(maxsize=256)
def place_below(folder: Path, sources: tuple[Path, ...]) -> str:
    """A folder's place below that of the dataset, "" for that itself; of several, with their names."""
    source = next((one for one in sources if folder.is_relative_to(one)), folder)
    place = folder.relative_to(source).as_posix()
    inside = "" if place == "." else place
    return inside if len(sources) == 1 else f"{source.name}/{inside}".removesuffix("/")


def _id_of(path: Path) -> int:
    """A whole number of 48 bits, which JavaScript can hold."""
    said = str(path).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(said, digest_size=6).digest(), "big")


def digests_of(paths: Mapping[int, Path]) -> dict[int, str]:
    """The digests of files by their ids; one that is gone is left out."""
    try:
        found = content_hashes(list(paths.values()))
    except UserError:
        found = {}
        for path in paths.values():
            try:
                found |= content_hashes([path])
            except UserError:  # it cannot be read; nothing can be decided about it
                continue
    return {id: found[path] for id, path in paths.items() if path in found}

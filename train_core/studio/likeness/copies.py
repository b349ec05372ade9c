"""Which of several near-duplicates is the one to keep."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image

from train_core.facts.file_cache import recall, shared_database
from train_core.studio.decisions import KEEP, REJECT, SKIP

KIND = "studio-kept-1"  # of fact in the cache of files
AS_MANY = 0.95  # share of the most pixels from which there are as many
FEW_COLOURS, LOSSY, LOSSLESS = range(3)  # what a file keeps of a picture, the most last
WEBP_HEAD = 4096  # bytes of a file in which its kind of compression is told
Id = TypeVar("Id", bound=Hashable)


@dataclass(frozen=True)
class Kept:
    """What a file keeps of its picture: one of FEW_COLOURS, LOSSY and LOSSLESS, and its size in bytes."""

    how: int = LOSSY
    size: int = 0


@dataclass(frozen=True)
class Copy:
    """What matters of one of several near-duplicates. `mirrored` is said as against most of the others."""

    pixels: int
    captioned: bool = False
    mirrored: bool = False
    kept: Kept = Kept()
    sharpness: float = 0.0
    mark: str = ""


def ranked(copies: Mapping[Id, Copy]) -> list[Id]:
    """The near-duplicates, the best one first; what somebody has decided about them comes before all else.

    The most pixels, within 5 % as many; then one with a caption; not mirrored; lossless, else less compressed; sharper.
    """
    most = AS_MANY * max((copy.pixels for copy in copies.values()), default=0)

    def worth(id: Id) -> tuple[float, ...]:
        copy = copies[id]
        decided = {KEEP: 2, REJECT: 0, SKIP: 0}.get(copy.mark, 1)
        dense = copy.kept.size / max(1, copy.pixels) if copy.kept.how == LOSSY else 0.0
        return (
            decided, min(copy.pixels, most), copy.captioned, not copy.mirrored, copy.kept.how, dense, copy.sharpness
        )  # fmt: skip

    return sorted(copies, key=worth, reverse=True)


def kept_by(paths: Sequence[Path]) -> dict[Path, Kept]:
    """What these files keep of their pictures, remembered until a file changes; those that are gone are left out."""
    found = recall(paths, KIND, _as_text, shared_database())
    return {path: Kept(*map(int, text.split())) for path, text in found.items()}


def _as_text(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            kind, mode = image.format or "", image.mode
        how = FEW_COLOURS if mode == "P" else LOSSLESS if _is_lossless(path, kind) else LOSSY
        return f"{how} {path.stat().st_size}"
    except Exception:  # Pillow's decoders raise whatever they like on broken files; such a one has no copies to tell
        return None


def _is_lossless(path: Path, kind: str) -> bool:
    if kind != "WEBP":
        return kind in ("PNG", "BMP", "TIFF")
    with path.open("rb") as file:
        return b"VP8L" in file.read(WEBP_HEAD)

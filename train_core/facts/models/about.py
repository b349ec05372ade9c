"""What a chosen model file is, for people: its kind, number format, size, short hash, and the picture beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from pathlib import Path

from train_core.config.existing import is_file
from train_core.config.places import caches_dir
from train_core.config.problems import UserError
from train_core.facts.file_cache import known_of
from train_core.facts.models.headers import identify
from train_core.kinds import PredictionType

FILE_HASHES = "model hashes"  # under which networks/files/hashes.py keeps them
PICTURES = (".preview.png", ".png", ".preview.jpg", ".jpg", ".jpeg", ".webp")  # as WebUIs look for them
SHORT = 10  # digits of a SHA-256 by which A1111 names a model
FORMATS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}


@dataclass(frozen=True)
class About:
    """What is known of a model. `format` is that of most numbers, `hash` A1111's, "" until a run has read it all."""

    kind: str
    prediction: PredictionType | None
    format: str
    bytes: int
    hash: str = ""
    picture: Path | None = None


def about(path: Path) -> About | None:
    """What the model at `path` is; None where nothing can be said, which checks tell."""
    try:
        state = path.stat()
        found = _read(path, state.st_mtime_ns, 0 if path.is_dir() else state.st_size)
    except (OSError, ValueError, UserError):
        return None
    return replace(found, hash=_known_hash(path), picture=picture_beside(path))


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int, size: int) -> About:
    found = identify(path)
    numbers: Counter[str] = Counter()
    for tensor in found.header.tensors.values() if found.header is not None else ():
        numbers[tensor.dtype] += prod(tensor.shape)
    most = numbers.most_common(1)[0][0] if numbers else ""
    return About(found.kind, found.prediction_type if found.is_base_model else None, FORMATS.get(most, most), size)


def _known_hash(path: Path) -> str:
    """A1111's hash, if a run has read the file as it is now."""
    known = known_of(path, FILE_HASHES, caches_dir() / "files.sqlite")
    return known.split()[-1][:SHORT] if known else ""


def picture_beside(path: Path) -> Path | None:
    """The picture that WebUIs show for the model at `path`."""
    return next((found for ending in PICTURES if is_file(found := path.with_suffix(ending))), None)

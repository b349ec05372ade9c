"""What a chosen model file is, for people: its kind, number format, size, short hash, and the picture beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from pathlib import Path

from train_core.config.existing import is_file
from train_core.config.problems import UserError
from train_core.facts.file_cache import known_of, shared_database
from train_core.facts.models.base_of_part import base_of_part
from train_core.facts.models.headers import ModelFile, identify
from train_core.facts.models.webuis import ModelKind
from train_core.kinds import KINDS, NOT_TRAINED, PredictionType

FILE_HASHES = "model hashes"  # under which networks/files/hashes.py keeps them
PICTURES = (".preview.png", ".png", ".preview.jpg", ".jpg", ".jpeg", ".webp")  # as WebUIs look for them
SHORT = 10  # digits of a SHA-256 by which A1111 names a model
PLACES: dict[str, ModelKind] = {
    "LoRA": "adapter", "VAE": "vae", "embedding": "embedding", "hypernetwork": "hypernetwork", "U-Net": "unet",
    "ControlNet": "controlnet", "IP-Adapter": "ip_adapter", "upscaler": "upscaler", "text encoder": "text_encoder",
}  # fmt: skip
VAES = ("first_stage_model.", "vae.")
FORMATS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}


@dataclass(frozen=True)
class About:
    """What is known of a model. `format` is that of most numbers, `hash` A1111's, "" until a run has read it all.

    `base` is the kind of base model that another file is for, "" where nothing tells it. `place` says among which
    models of a WebUI the file belongs; None where its kind is not known, and for folders.
    """

    kind: str
    prediction: PredictionType | None
    format: str
    bytes: int
    hash: str = ""
    picture: Path | None = None
    base: str = ""
    place: ModelKind | None = None


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
    return about_file(identify(path), size)


def about_file(found: ModelFile, size: int) -> About:
    """What a file of `size` bytes is, by its header alone."""
    numbers: Counter[str] = Counter()
    for tensor in found.header.tensors.values() if found.header is not None else ():
        numbers[tensor.dtype] += prod(tensor.shape)
    most = numbers.most_common(1)[0][0] if numbers else ""
    base = base_of_part(found.header) if found.header is not None and found.kind in PLACES else ""
    return About(
        found.kind, found.prediction_type if found.is_base_model else None, FORMATS.get(most, most), size,
        base=base, place=place_of(found),
    )


def place_of(found: ModelFile) -> ModelKind | None:
    """Among which models of a WebUI a file belongs. A checkpoint is one that has its VAE, as its name does not tell."""
    if found.header is None:
        return None
    known = PLACES.get(found.kind)
    if known is None and any(found.kind.startswith(kind) for kind in (*KINDS, *NOT_TRAINED)):
        return "base" if any(name.startswith(VAES) for name in found.header.tensors) else "unet"
    return known


def _known_hash(path: Path) -> str:
    """A1111's hash, if a run has read the file as it is now."""
    known = known_of(path, FILE_HASHES, shared_database())
    return known.split()[-1][:SHORT] if known else ""


def picture_beside(path: Path) -> Path | None:
    """The picture that WebUIs show for the model at `path`."""
    return next((found for ending in PICTURES if is_file(found := path.with_suffix(ending))), None)

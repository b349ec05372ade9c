"""Files of new words (textual inversion) as every program writes them: which of their tensors are the vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from train_core.config.problems import UserError, problem
from train_core.facts.models.embedding_pictures import CLIP_G, CLIP_L, no_embedding, read_picture
from train_core.facts.models.tensor_files import read_tensor_file

OURS = "emb_params"
OUTPUT = "_out"  # ends the names of what OneTrainer adds to the text encoder's output: no other program reads it
PICTURES = (".png", ".webp")
Shapes = Mapping[str, tuple[int, ...]]


def look_into(path: Path) -> Shapes:
    """The shapes of the vectors in the embedding file at `path`, by name. Raises `UserError` where there are none."""
    if is_picture(path):
        arrays, _ = read_picture(path)
        shapes: Shapes = {name: tuple(array.shape) for name, array in arrays.items()}
    else:
        shapes = {name: info.shape for name, info in read_tensor_file(path).tensors.items()}
    return {name: shapes[name] for name in vectors_in(shapes, path)}


def vectors_in(shapes: Shapes, path: Path) -> tuple[str, ...]:
    """The names of the tensors with a word's vectors: one, or for SDXL those of its first and its second text encoder.

    Raises `UserError` where `path` holds something else, or several words.
    """
    named = {name: shape for name, shape in shapes.items() if not name.endswith(OUTPUT)}
    found = (CLIP_L, CLIP_G) if CLIP_L in named and CLIP_G in named else tuple(named)
    if len(found) > 1 and found != (CLIP_L, CLIP_G):
        found = tuple(name for name in found if name == OURS) or found
    if not found or (len(found) > 1 and found != (CLIP_L, CLIP_G)):
        raise no_embedding(path, len(found))
    rows = [rows_and_width(named[name]) for name in found]
    if None in rows or len({row[0] for row in rows if row}) != 1:
        raise no_embedding(path, 1)
    return found


def rows_and_width(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The number of vectors in a tensor and their width; None where it holds none. One alone may lack the first."""
    sizes = (1, *shape) if len(shape) == 1 else shape
    return (sizes[0], sizes[1]) if len(sizes) == 2 and min(sizes) > 0 else None


def is_picture(path: Path) -> bool:
    """Whether an embedding in the file `path` would be one inside a picture."""
    return path.suffix.lower() in PICTURES


def widths_problem(path: Path, found: Iterable[int], wanted: Iterable[int]) -> UserError:
    """The error where vectors are not as wide as those of the base model."""
    ours, theirs = " + ".join(map(str, wanted)), " + ".join(map(str, found))
    return UserError(
        problem(
            "embedding_of_another_kind",
            "{file} has vectors of {theirs} numbers, but those of this base model have {ours}: it was made for another "
            "kind of model (768 is SD 1.x, 1024 is SD 2.x, 768 + 1280 is SDXL).",
            file=str(path), theirs=theirs, ours=ours,
        )
    )

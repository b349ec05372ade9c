"""Embedding files: read in every program's format, and written in those that A1111, ComfyUI and diffusers read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from train_core.facts.models.embedding_files import OURS, is_picture, vectors_in, widths_problem
from train_core.facts.models.embedding_pictures import CLIP_G, CLIP_L, PARAMETERS, read_picture, save_picture
from train_core.models.files.finite import rounded
from train_core.models.files.pickling import save_pickled
from train_core.models.files.stored import in_memory, open_weights
from train_core.models.files.writing import write_result, write_safetensors

PLACEHOLDER, ITS_TOKEN = "*", 265  # what A1111 calls the word within its files
BLANK = (512, 512)
Vectors = tuple[Tensor, ...]  # (n, width) of each text encoder, in their order


@dataclass(frozen=True)
class Origin:
    """What an embedding says of itself where the format has room: the word, steps, and the base model."""

    word: str = ""
    step: int | None = None
    model_hash: str = ""
    model_name: str = ""


def read_embedding(path: Path, widths: Sequence[int]) -> Tensor:
    """The vectors (n, sum of `widths`) in the file at `path`, fp32; `widths` are those of the text encoders.

    Raises `UserError` where the file holds no embedding, one of another kind of model, or values that are no numbers.
    """
    vectors = read_vectors(path)
    if tuple(one.shape[1] for one in vectors) != tuple(widths):
        raise widths_problem(path, (one.shape[1] for one in vectors), widths)
    return torch.cat(vectors, dim=1)


def read_vectors(path: Path) -> Vectors:
    """The vectors in the file at `path`, fp32. Raises `UserError` where there are none."""
    if is_picture(path):
        arrays, _ = read_picture(path)
        tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    else:
        stored = open_weights(path)
        names = vectors_in({name: one.shape for name, one in stored.items()}, path)
        tensors = {name: stored[name].read() for name in names}
    names = vectors_in({name: tuple(one.shape) for name, one in tensors.items()}, path)
    return tuple(tensors[name].float().reshape(-1, tensors[name].shape[-1]) for name in names)


def write_embedding(
    path: Path, vectors: Vectors, dtype: torch.dtype, metadata: Mapping[str, str], origin: Origin,
    picture: Path | None = None,
) -> None:
    """Write a word's `vectors` to `path`, in the format that its ending names: .safetensors, .pt or .png.

    A .png shows `picture`, or where there is none, one of ours. UserError where it cannot be written,
    `NotFiniteError` where a value is not a number.
    """
    names = (OURS,) if len(vectors) == 1 else (CLIP_L, CLIP_G)
    tensors = {name: rounded(one, dtype, path, name) for name, one in zip(names, vectors, strict=True)}
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        write_safetensors(path, in_memory(tensors), {"format": "pt", **metadata})
        return
    with write_result(path) as temporary:
        write(temporary, _as_in_a1111(tensors, origin), picture)


def _as_in_a1111(tensors: Mapping[str, Tensor], origin: Origin) -> dict[str, Any]:
    """The contents of A1111's own files. Those of SDXL hold nothing but tensors, or it would not read them."""
    if OURS not in tensors:
        return dict(tensors)
    return {
        "string_to_token": {PLACEHOLDER: ITS_TOKEN}, PARAMETERS: {PLACEHOLDER: tensors[OURS]}, "name": origin.word,
        "step": origin.step, "sd_checkpoint": origin.model_hash or None,
        "sd_checkpoint_name": origin.model_name or None,
    }  # fmt: skip


def _write_pickle(path: Path, said: Mapping[str, Any], picture: Path | None) -> None:
    save_pickled(path, said)


def _write_picture(path: Path, said: Mapping[str, Any], picture: Path | None) -> None:
    with _opened(picture) as shown:
        save_picture(path, shown, _with_arrays(said))


def _opened(picture: Path | None) -> Image.Image:
    """The picture, where it is still there; or soft colours."""
    if picture is not None and picture.is_file():
        return Image.open(picture)
    return Image.merge("RGB", [Image.radial_gradient("L").rotate(90 * turn).resize(BLANK) for turn in range(3)])


def _with_arrays(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float().numpy()
    return {key: _with_arrays(one) for key, one in value.items()} if isinstance(value, Mapping) else value


WRITERS: dict[str, Callable[[Path, Mapping[str, Any], Path | None], None]] = {
    ".pt": _write_pickle, ".png": _write_picture,
}  # fmt: skip

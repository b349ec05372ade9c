"""What a run is made from, by content: images, masks and models, for its states to note."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from train_core.config.existing import is_dir
from train_core.config.jobs.train import TrainConfig
from train_core.data.library import Entry, Library
from train_core.data.masks import mask_files
from train_core.facts.file_cache import shared_database
from train_core.facts.images.image_files import content_hashes
from train_core.facts.models.model_files import BaseFiles
from train_core.facts.run.contents import Contents
from train_core.facts.run.states import HANDLING, names_a_place
from train_core.networks.files.hashes import remembered_hashes

DIGITS = 20  # of a hash: enough to tell files of one run apart
WEIGHTS = (".safetensors", ".bin", ".json")  # the files of a diffusers folder that count


def contents_in_background(
    config: TrainConfig, files: BaseFiles, library: Library, measured: Library | None
) -> Future[Contents]:
    """The contents of a run from a thread of its own: what caches do not know yet is read while the run goes on."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="contents")
    future = executor.submit(contents_of, config, files, library, measured)
    executor.shutdown(wait=False)
    return future


def contents_of(config: TrainConfig, files: BaseFiles, library: Library, measured: Library | None) -> Contents:
    """The contents of what is trained on: images to learn from and to validate on, their masks, models, and layers."""
    pictures = _pictures(library.entries)
    if measured is not None:
        pictures += [(f"{name} (validation)", *digests) for name, *digests in _pictures(measured.entries)]
    paths = {"pretrained_model_name_or_path": files.model.path}
    if files.vae_path:
        paths["vae"] = files.vae_path
    algorithm = config.algorithm
    if algorithm.network_weights.strip():
        paths["network_weights"] = Path(algorithm.network_weights.strip())
    if config.hypernetwork.hypernetwork_weights.strip():
        paths["hypernetwork_weights"] = Path(config.hypernetwork.hypernetwork_weights.strip())
    if config.network.LyCORIS_preset.strip().lower().endswith(".toml"):
        paths["LyCORIS_preset"] = Path(config.network.LyCORIS_preset.strip())
    paths |= {f"base_weights {number}": Path(path) for number, path in enumerate(algorithm.base_weights, 1)}
    written = [path for path in config.embedding.embedding_weights if path.strip()]
    paths |= {f"embedding_weights {number}": Path(path) for number, path in enumerate(written, 1)}
    if config.embedding.template_file:
        paths["template_file"] = Path(config.embedding.template_file)
    return Contents(tuple(pictures), {name: _digest_of_model(path) for name, path in paths.items()}, paths)


def _pictures(entries: tuple[Entry, ...]) -> list[tuple[str, ...]]:
    """A row for each image, and one for each mask that is a file of its own."""
    masks = mask_files(entries)
    hashes = content_hashes([*(entry.path for entry in entries), *masks.values()])
    rows = [(_name(entry.folder, entry.path), hashes[entry.path][:DIGITS], _digest_of_use(entry)) for entry in entries]
    return [*rows, *((_name(mask.parent, mask), hashes[mask][:DIGITS]) for mask in sorted(set(masks.values())))]


def _name(folder: Path, path: Path) -> str:
    return f"{folder.name}/{path.name}"


def _digest_of_use(entry: Entry) -> str:
    """Stands for an image's caption, its size in training, and the settings for it, which a dataset file may give."""
    known = entry.settings.settings()
    own = {
        name: value for name, value in entry.settings.flat().items()
        if name not in HANDLING and not names_a_place(known[name]) and value != known[name].default
    }  # fmt: skip
    said = [entry.caption, entry.tags, entry.repeats, entry.is_reg, entry.batch_size, entry.size, entry.fit.bucket]
    return _digest([*said, own])


def _digest_of_model(path: Path) -> str:
    """Stands for what is in a model's file, or in those of a diffusers folder that hold weights or describe them."""
    memory = shared_database()
    if not is_dir(path):
        return remembered_hashes(path, memory).sha256
    inside = sorted(file for file in _to_depth_two(path) if file.suffix in WEIGHTS)
    return _digest([(file.relative_to(path).as_posix(), remembered_hashes(file, memory).sha256) for file in inside])


def _to_depth_two(folder: Path) -> Iterable[Path]:
    """The files in `folder` and in its parts' folders."""
    return (file for pattern in ("*", "*/*") for file in folder.glob(pattern) if file.is_file())


def _digest(said: Any) -> str:
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, default=str).encode()).hexdigest()[:DIGITS]

"""The folders of captioning models, as transformers has them: which files are there, and what may be loaded of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.existing import is_dir, is_file
from train_core.config.jobs.pictures import CaptionPictures
from train_core.config.phrases import joined, phrase
from train_core.config.places import home
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.untrusted import NotReadable, json_of, reason_of, text_of
from train_core.facts.images.image_files import content_hashes
from train_core.facts.preflight import Findings
from train_core.studio.tagging.deepdanbooru_file import FILE as DEEPDANBOORU

CONFIG = "config.json"
WEIGHTS = (".safetensors", ".bin")  # endings; .bin is read without running what it holds
SETTINGS = ("preprocessor_config.json", "processor_config.json")  # of how pictures are prepared: one of them
OF_TEXT = (".json", ".txt", ".jinja", ".model")  # endings of what else decides what a model says
FOLDER = "captioners"  # below the home, proposed for models


@dataclass(frozen=True)
class Proposed:
    """A model that people may download: its kind, where it is, and its size in GB."""

    kind: str
    repository: str
    size: float


PROPOSED = (
    Proposed("BLIP", "Salesforce/blip-image-captioning-large", 1.9),
    Proposed("GIT", "microsoft/git-large-textcaps", 1.6),
    Proposed("Florence-2", "florence-community/Florence-2-base", 0.5),
)
FILES = "config.json, generation_config.json, preprocessor_config.json, tokenizer.json, tokenizer_config.json, " \
    "special_tokens_map.json, vocab.txt, vocab.json, merges.txt, model.safetensors"  # whichever of them there are


@dataclass(frozen=True)
class CaptionModel:
    """A captioning model on this machine, not loaded. `kind` is its `model_type`; `foreign` says that the folder brings
    code of its own, which is never run."""

    name: str
    folder: Path
    kind: str
    foreign: bool

    @property
    def digest(self) -> str:
        """Another one when any of the files that decide what it says has another content. Raises UserError."""
        files = [file for file in _files(self.folder) if file.suffix in (*WEIGHTS, *OF_TEXT)]
        whole = hashlib.blake2b(digest_size=20)
        for file, content in content_hashes(files).items():
            whole.update(f"{file.name}\0{content}\0".encode("utf-8", "surrogatepass"))
        return whole.hexdigest()


def examine(config: CaptionPictures, _run_dir: Path | None) -> Findings:
    """Findings on the model that is chosen, which need no torch."""
    try:
        find_caption_model(config.caption_pictures.captioner)
    except UserError as error:
        return Findings(error.problems, ())
    return Findings((), ())


def find_caption_model(path: str) -> CaptionModel:
    """The model in the folder `path`. Raises UserError for one that is not there, incomplete or not readable."""
    folder = Path(path)
    if not path.strip() or not is_dir(folder):
        raise _missing(path)
    if not is_file(folder / CONFIG) and is_file(folder / DEEPDANBOORU):
        raise _deepdanbooru(folder)
    weights = [file for file in _files(folder) if file.suffix in WEIGHTS]
    if not is_file(folder / CONFIG) or not weights or not any(is_file(folder / name) for name in SETTINGS):
        raise _missing(path)
    settings = _config(folder / CONFIG)
    kind = settings.get("model_type")
    return CaptionModel(
        folder.resolve().name, folder, kind if isinstance(kind, str) else "", foreign="auto_map" in settings
    )


def _files(folder: Path) -> list[Path]:
    try:
        return [file for file in sorted(folder.iterdir()) if is_file(file)]
    except OSError as error:
        raise _unreadable(folder, cause_of(error)) from error


def _config(path: Path) -> Mapping[str, Any]:
    try:
        found = json_of(text_of(path))
        if not isinstance(found, dict):
            raise NotReadable(phrase("no_json_object", "it is no {format} object", format="JSON"))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, cause_of(error)) from error
    except NotReadable as error:
        raise _unreadable(path, reason_of(error)) from error
    return found


def not_native(model: CaptionModel) -> UserError:
    """The error for a model that works only by code of its own, or describes no pictures."""
    if model.foreign:
        return UserError(
            problem(
                "captioner_foreign_code",
                "{folder} (model_type {kind}) works only with program code that lies in it, and such code is never "
                "run here. Choose a model that needs none: {models}.",
                folder=str(model.folder), kind=model.kind or "?", models=_names(),
            )
        )
    return UserError(
        problem(
            "captioner_unknown",
            "{folder} (model_type {kind}) is no model that describes pictures, or a newer one than this program knows. "
            "Choose another: {models}.",
            folder=str(model.folder), kind=model.kind or "?", models=_names(),
        )
    )


def _names() -> str:
    return joined("comma", [f"{one.kind} ({one.repository})" for one in PROPOSED])


def _missing(path: str) -> UserError:
    models = joined("semicolon", [
        f"{one.kind}: {one.repository} ({one.size:.1f} GB) → {home() / FOLDER / one.repository.rpartition('/')[2]}"
        for one in PROPOSED
    ])
    if not path.strip():
        return UserError(
            problem(
                "captioner_not_chosen",
                "No captioner is chosen. Download the files of one of these from Hugging Face into a folder of its "
                "own, and choose that folder; the tool fetch_model does it. {models}. The files, as far as the model "
                "has them: {files}. Nothing is downloaded by itself.",
                models=models, files=FILES,
            )
        )
    return UserError(
        problem(
            "captioner_missing",
            "{folder} is no folder with config.json, preprocessor_config.json and model.safetensors of a captioner. "
            "Choose another, or download the files of one of these from Hugging Face into a folder of its own (the "
            "tool fetch_model does it): {models}. The files, as far as the model has them: {files}. Nothing is "
            "downloaded by itself.",
            folder=path, models=models, files=FILES,
        )
    )


def _deepdanbooru(folder: Path) -> UserError:
    return UserError(
        problem(
            "captioner_deepdanbooru",
            "{file} is DeepDanbooru, which gives tags and no sentences. Use it with the tool {tool}.",
            file=str(folder / DEEPDANBOORU), tool="tag_pictures",
        )
    )


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(
        problem(
            "captioner_config_unreadable",
            "{path} cannot be read: {reason}. Download the file again from where the model came from.",
            path=str(path), reason=reason,
        )
    )

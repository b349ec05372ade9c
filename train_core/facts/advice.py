"""Advice about a form: what is odd or could be better, where it comes from, and the setting that would cure it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.problems import Problem

Value = bool | int | float | str
FOLDERS = ("train_data_dir", "reg_data_dir")


@dataclass(frozen=True)
class Cure:
    """A setting and the value that cures something."""

    setting: str
    value: Value


@dataclass(frozen=True)
class Advice:
    """Something worth knowing: the message, the value that would settle it, the files concerned, and who says so.

    `source` is empty for what follows from the files and settings themselves.
    """

    found: Problem
    cure: Cure | None = None
    files: tuple[Path, ...] = ()
    source: str = ""

    @property
    def code(self) -> str:
        return self.found.code


def cure_of(found: Problem, values: Mapping[str, Any]) -> Cure | None:
    """The cure of an error or warning that names it; `values` are the form's settings by name."""
    cure = CURES.get(found.code)
    if isinstance(cure, Cure):
        return cure
    return cure(found.params, values) if cure else None


def _other_folder(param: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Cure | None]:
    """The cure of a folder's problem whose parameter `param` is the folder that was meant."""

    def cure(params: Mapping[str, Any], values: Mapping[str, Any]) -> Cure | None:
        wrong = Path(params["folder"])
        setting = next((name for name in FOLDERS if str(values[name]).strip() and Path(values[name]) == wrong), None)
        return Cure(setting, str(params[param])) if setting else None

    return cure


CURES: dict[str, Cure | Callable[[Mapping[str, Any], Mapping[str, Any]], Cure | None]] = {
    "image_folder_is_child": _other_folder("above"),
    "image_folder_too_high": _other_folder("deeper"),
    "images_in_parent": Cure("class_folders", True),
    "folder_without_repeats": Cure("class_folders", True),
    "regularisation_found": lambda params, values: Cure("reg_data_dir", str(params["folder"])),
    "captions_with_other_ending": lambda params, values: Cure("caption_extension", str(params["other"])),
    "captions_with_several_lines": Cure("enable_wildcard", True),
    "inpainting_needs_images": Cure("cache_latents", False),
    "zero_terminal_snr_unused": Cure("zero_terminal_snr", True),
    "clip_skip_unsuited": Cure("clip_skip", 1),
    "fp16_on_cpu": Cure("mixed_precision", "bf16"),
    "cached_texts_and_text_encoder": Cure("network_train_unet_only", True),
}

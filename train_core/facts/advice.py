"""Advice about a form: what is odd or could be better, where it comes from, and the setting that would cure it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem
from train_core.config.setting import Setting

Value = bool | int | float | str
FOLDERS = ("train_data_dir", "reg_data_dir")


@dataclass(frozen=True)
class Cure:
    """A setting and the value that cures something.

    `words` name what that does, where it says more than that the setting gets the value: a text of the page.
    """

    setting: str
    value: Value
    words: str = ""


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


def _other_folder(param: str, words: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Cure | None]:
    """The cure of a folder's problem whose parameter `param` is the folder that was meant."""

    def cure(params: Mapping[str, Any], values: Mapping[str, Any]) -> Cure | None:
        wrong = Path(params["folder"])
        setting = next((name for name in FOLDERS if str(values[name]).strip() and Path(values[name]) == wrong), None)
        return Cure(setting, str(params[param]), words) if setting else None

    return cure


@cache
def _declared() -> Mapping[str, Setting]:
    return {s.name: s for s in TrainConfig.settings()}


def _back_to_default(params: Mapping[str, Any], values: Mapping[str, Any]) -> Cure | None:
    """The cure of a value that cannot be used or does nothing: the setting's default."""
    declared = _declared().get(str(params.get("name")))
    if declared is None:
        return None
    return Cure(declared.name, declared.default if isinstance(declared.default, bool | int | float | str) else "")


def _to(param: str, words: str = "") -> Callable[[Mapping[str, Any], Mapping[str, Any]], Cure | None]:
    """The cure of a value for which the problem's parameter `param` is the right one."""

    def cure(params: Mapping[str, Any], values: Mapping[str, Any]) -> Cure | None:
        name = str(params.get("name"))
        return Cure(name, str(params[param]), words) if name in _declared() and params.get(param) else None

    return cure


CURES: dict[str, Cure | Callable[[Mapping[str, Any], Mapping[str, Any]], Cure | None]] = {
    "image_folder_is_child": _other_folder("above", "parent_folder"),
    "image_folder_too_high": _other_folder("deeper", "inner_folder"),
    "image_folders_too_high": _other_folder("deeper", "inner_folder"),
    "images_in_parent": Cure("class_folders", True),
    "folder_without_repeats": Cure("class_folders", True),
    "regularisation_found": lambda params, values: Cure("reg_data_dir", str(params["folder"]), "regularisation"),
    "captions_with_other_ending": lambda params, values: Cure(
        "caption_extension", str(params["other"]), "caption_files"
    ),
    "captions_with_several_lines": Cure("enable_wildcard", True),
    "inpainting_needs_images": Cure("cache_latents", False),
    "prediction_type_overridden": Cure("v_parameterization", "auto"),
    "zero_terminal_snr_unused": Cure("zero_terminal_snr", True),
    "clip_skip_unsuited": Cure("clip_skip", 1),
    "fp16_on_cpu": Cure("mixed_precision", "bf16"),
    "cached_texts_and_text_encoder": Cure("network_train_unet_only", True),
    "augmentation_with_cached_latents": Cure("cache_latents", False),
    "captions_vary_with_cached_texts": Cure("cache_text_encoder_outputs", False),
    "keep_tokens_without_shuffle": Cure("shuffle_caption", True),
    "separator_without_shuffle": Cure("shuffle_caption", True),
    "validation_never": Cure("validate_every_n_epochs", 1, "validate_each_epoch"),
    "schedule_free_schedule": Cure("lr_scheduler", "constant"),
    "ema_with_schedule_free": Cure("ema_decay", 0.0, "off"),
    "norms_and_schedule_free": Cure("scale_weight_norms", 0.0, "off"),
    "zero_terminal_snr_without_v": Cure("zero_terminal_snr", False),
    "scale_v_pred_without_v": Cure("scale_v_pred_loss_like_noise_pred", False),
    "v_pred_like_loss_with_v": Cure("v_pred_like_loss", 0.0, "off"),
    "no_learning_rate": Cure("learning_rate", 1e-4),
    "adam_large_rate": Cure("learning_rate", 1e-4),
    "dadapt_small_rate": Cure("learning_rate", 1.0),
    "no_norms_chosen": Cure("train_norm", False),
    "no_convolutions_chosen": _back_to_default,
    "nothing_to_keep_last": _back_to_default,
    "save_every_n_epochs_unused": Cure("save_every_n_epochs", 0, "off"),
    "save_state_at_end_only": Cure("save_every_n_epochs", 1, "save_each_epoch"),
    "fused_backward_conflict": Cure("fused_backward_pass", False),
    "not_applicable": _back_to_default,
    "not_for_this_model": _back_to_default,
    "wrong_type": _back_to_default,
    "out_of_bounds": _back_to_default,
    "bad_format": _back_to_default,
    "not_a_choice": _to("nearest"),
    "name_is_a_path": _to("last"),
    "path_of_another_system_found": _to("place", "here"),
}

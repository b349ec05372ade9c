"""Metadata of result files about their training, in the names and formats that other software reads."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.validation import ValidationSettings
from train_core.config.syntax.arguments import parse_numbers
from train_core.facts.images.buckets import bucket_rules
from train_core.facts.models.thumbnails import thumbnail_url
from train_core.facts.run.schedules import steps_in
from train_core.kinds import Names, PredictionType
from train_core.networks.files.hashes import FileHashes

# What loaders need: all that a file without metadata keeps.
MINIMUM = (
    "ss_v2", "ss_base_model_version", "ss_network_module", "ss_network_dim", "ss_network_alpha", "ss_network_args",
)  # fmt: skip

# What datasets of a dataset file say each for itself, in `ss_datasets`.
OF_EACH_DATASET = frozenset({
    "ss_batch_size_per_device", "ss_total_batch_size", "ss_resolution", "ss_color_aug", "ss_flip_aug", "ss_random_crop",
    "ss_shuffle_caption", "ss_keep_tokens", "ss_enable_bucket", "ss_bucket_no_upscale", "ss_min_bucket_reso",
    "ss_max_bucket_reso", "ss_reg_dataset_dirs", "ss_bucket_info",
})  # fmt: skip

# sd-scripts' defaults of what this program does not have: a reader finds every key that it knows.
NOT_HERE: dict[str, Any] = {
    "ss_sd_scripts_commit_hash": "(unknown)", "ss_lowram": False,
}  # fmt: skip


@dataclass(frozen=True)
class BaseFacts:
    """The model trained on: its file or folder, hashes and names, and those of a separate VAE if one was given."""

    path: Path
    hashes: FileHashes
    names: Names
    prediction_type: PredictionType = "epsilon"
    vae: Path | None = None
    vae_hashes: FileHashes | None = None


@dataclass(frozen=True)
class DataFacts:
    """The images: their number with repeats, and the summaries that `data.summary` makes of them.

    `reg_images` are counted before they are matched. `datasets` are those of a dataset file, None without one.
    `held_out` counts the images to validate on.
    """

    images: int
    batches_per_epoch: int
    folders: Mapping[str, Mapping[str, int]]
    tags: Mapping[str, Mapping[str, int]]
    buckets: Mapping[str, Any] | None
    reg_images: int = 0
    reg_folders: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    datasets: Sequence[Mapping[str, Any]] | None = None
    held_out: int = 0


@dataclass(frozen=True)
class RunFacts:
    """The run so far: times in seconds since 1970, steps and epochs done and planned. `optimizer` is Class(k=v,...)."""

    session_id: int
    output_name: str
    started_at: float
    finished_at: float
    steps: int
    epoch: int
    total_steps: int
    total_epochs: int
    optimizer: str
    processes: int = 1


def training_metadata(
    config: TrainConfig, base: BaseFacts, data: DataFacts, run: RunFacts, method: Mapping[str, Any], kind: str
) -> dict[str, str]:
    """All metadata of a file, every value a string: `ss_` as sd-scripts has it, `modelspec.` 1.0.1 as Stability has it.

    `method` and `kind` are the method's own, see `Method.metadata` and `Method.modelspec_kind`.
    `metadata_depth` leaves out names of folders and files, or all but what other software needs to load the file.
    """
    nameless = config.output.metadata_depth != "full"
    values = {
        **NOT_HERE, **_run(config, run), **_rates(config, run), **method, **_base(base), **_data(config, data),
        **_training(config, run), **_loss(config.loss), **_text(config),
        **_validation(config.validation, data.held_out),
    }  # fmt: skip
    if data.datasets is not None:
        values = {name: value for name, value in values.items() if name not in OF_EACH_DATASET}
        datasets = [_without_names(one) for one in data.datasets] if nameless else data.datasets
        values["ss_datasets"] = json.dumps(datasets, ensure_ascii=False)
    if nameless:
        values |= _nameless(values, data)
    if config.output.metadata_depth == "minimal":
        values = {name: value for name, value in values.items() if name in MINIMUM}
    values |= _modelspec(config, base, data, run, kind)
    return {name: str(value) for name, value in values.items()}


def _run(config: TrainConfig, run: RunFacts) -> dict[str, Any]:
    return {
        "ss_session_id": run.session_id,
        "ss_training_started_at": run.started_at,
        "ss_training_finished_at": run.finished_at,
        "ss_output_name": run.output_name,
        "ss_steps": run.steps,
        "ss_epoch": run.epoch,
        "ss_num_epochs": run.total_epochs,
        "ss_max_train_steps": run.total_steps,
        "ss_seed": config.training.seed,
        "ss_training_comment": config.output.training_comment or None,
    }


def _rates(config: TrainConfig, run: RunFacts) -> dict[str, Any]:
    optimizer, training = config.optimizer, config.training
    return {
        "ss_learning_rate": optimizer.learning_rate,
        "ss_unet_lr": optimizer.unet_lr,
        "ss_text_encoder_lr": _one_or_all(parse_numbers(optimizer.text_encoder_lr)),
        "ss_lr_scheduler": optimizer.lr_scheduler,
        "ss_lr_warmup_steps": steps_in(optimizer.lr_warmup_steps, run.total_steps),
        "ss_optimizer": run.optimizer,
        "ss_max_grad_norm": optimizer.max_grad_norm,
        "ss_gradient_accumulation_steps": training.gradient_accumulation_steps,
        "ss_gradient_checkpointing": config.memory.gradient_checkpointing,
    }


def _one_or_all(numbers: list[float]) -> float | list[float] | None:
    return numbers if len(numbers) > 1 else numbers[0] if numbers else None


def _nameless(values: Mapping[str, Any], data: DataFacts) -> dict[str, Any]:
    """Copy of `values` without names of folders and files: folders are numbered instead."""
    own = {
        "ss_sd_model_name": None, "ss_vae_name": None,
        "ss_dataset_dirs": json.dumps(_numbered(data.folders)),
        "ss_reg_dataset_dirs": json.dumps(_numbered(data.reg_folders)),
        "ss_tag_frequency": json.dumps(_numbered(data.tags), ensure_ascii=False),
    }  # fmt: skip
    return {name: value for name, value in own.items() if name in values}


def _numbered(of_folders: Mapping[str, Any]) -> dict[str, Any]:
    return {f"folder {number}": value for number, value in enumerate(of_folders.values(), 1)}


def _without_names(dataset: Mapping[str, Any]) -> dict[str, Any]:
    hidden = ("image_dir", "metadata_file", "class_tokens")
    subsets = [{key: value for key, value in one.items() if key not in hidden} for one in dataset["subsets"]]
    return {**dataset, "subsets": subsets, "tag_frequency": _numbered(dataset["tag_frequency"])}


def _base(base: BaseFacts) -> dict[str, Any]:
    values = {
        "ss_v2": base.names.v2,
        "ss_base_model_version": base.names.version,
        "ss_sd_model_name": base.path.name,
        "ss_sd_model_hash": base.hashes.legacy,
        "ss_new_sd_model_hash": base.hashes.sha256,
    }
    if base.vae and base.vae_hashes:
        values |= {
            "ss_vae_name": base.vae.name,
            "ss_vae_hash": base.vae_hashes.legacy,
            "ss_new_vae_hash": base.vae_hashes.sha256,
        }
    return values


def _data(config: TrainConfig, data: DataFacts) -> dict[str, Any]:
    dataset, captions, augmentation = config.dataset, config.captions, config.augmentation
    interpolation = augmentation.resize_interpolation
    rules = bucket_rules(dataset)
    return {
        "ss_num_train_images": data.images,
        "ss_num_reg_images": data.reg_images,
        "ss_reg_dataset_dirs": json.dumps(data.reg_folders, ensure_ascii=False),
        "ss_num_batches_per_epoch": data.batches_per_epoch,
        "ss_dataset_dirs": json.dumps(data.folders, ensure_ascii=False),
        "ss_tag_frequency": json.dumps(data.tags, ensure_ascii=False),
        "ss_bucket_info": json.dumps(data.buckets),
        "ss_resolution": rules.resolution,
        "ss_enable_bucket": dataset.enable_bucket,
        "ss_bucket_no_upscale": dataset.enable_bucket and dataset.bucket_no_upscale,
        "ss_min_bucket_reso": dataset.min_bucket_reso if dataset.enable_bucket else None,
        "ss_max_bucket_reso": dataset.max_bucket_reso if dataset.enable_bucket else None,
        "ss_flip_aug": augmentation.flip_aug,
        "ss_color_aug": augmentation.color_aug,
        "ss_random_crop": augmentation.random_crop,
        "ss_face_crop_aug_range": augmentation.face_crop_aug_range or None,
        "ss_resize_interpolation": None if interpolation == "auto" else interpolation,
        "ss_shuffle_caption": captions.shuffle_caption,
        "ss_keep_tokens": captions.keep_tokens,
        "ss_cache_latents": dataset.cache_latents,
    }


def _validation(validation: ValidationSettings, images: int) -> dict[str, Any]:
    """Validation fields as sd-scripts has them; None where nothing is validated."""
    return {
        "ss_num_validation_images": images,
        "ss_validation_split": validation.validation_split,
        "ss_validation_seed": validation.validation_seed if images else None,
        "ss_max_validation_steps": (validation.max_validation_steps or None) if images else None,
        "ss_validate_every_n_epochs": (validation.validate_every_n_epochs or None) if images else None,
        "ss_validate_every_n_steps": (validation.validate_every_n_steps or None) if images else None,
    }


def _training(config: TrainConfig, run: RunFacts) -> dict[str, Any]:
    training, captions, memory = config.training, config.captions, config.memory
    return {
        "ss_batch_size_per_device": training.train_batch_size,
        "ss_total_batch_size": training.train_batch_size * run.processes * training.gradient_accumulation_steps,
        "ss_mixed_precision": training.mixed_precision,
        "ss_full_fp16": memory.full_half and training.mixed_precision == "fp16",
        "ss_fp8_base": memory.base_precision == "fp8",
        "ss_fp8_base_unet": memory.base_precision == "fp8" and memory.base_precision_parts == "unet",
        "ss_caption_dropout_rate": captions.caption_dropout_rate,
        "ss_caption_dropout_every_n_epochs": captions.caption_dropout_every_n_epochs,
        "ss_caption_tag_dropout_rate": captions.caption_tag_dropout_rate,
    }


def _loss(loss: LossSettings) -> dict[str, Any]:
    return {
        "ss_noise_offset": loss.noise_offset or None,
        "ss_noise_offset_random_strength": loss.noise_offset_random_strength,
        "ss_adaptive_noise_scale": loss.adaptive_noise_scale or None,
        "ss_multires_noise_iterations": loss.multires_noise_iterations or None,
        "ss_multires_noise_discount": loss.multires_noise_discount,
        "ss_ip_noise_gamma": loss.ip_noise_gamma or None,
        "ss_ip_noise_gamma_random_strength": loss.ip_noise_gamma_random_strength,
        "ss_zero_terminal_snr": loss.zero_terminal_snr,
        "ss_prior_loss_weight": loss.prior_loss_weight,
        "ss_min_snr_gamma": loss.min_snr_gamma or None,
        "ss_debiased_estimation": loss.debiased_estimation_loss,
        "ss_loss_type": loss.loss_type,
        "ss_huber_schedule": loss.huber_schedule,
        "ss_huber_c": loss.huber_c,
        "ss_huber_scale": loss.huber_scale,
    }


def _text(config: TrainConfig) -> dict[str, Any]:
    length = config.model.max_token_length
    return {"ss_clip_skip": config.model.clip_skip, "ss_max_token_length": None if length == 75 else length}


def _modelspec(
    config: TrainConfig, base: BaseFacts, data: DataFacts, run: RunFacts, kind: str
) -> dict[str, Any]:
    width, height = _largest_size(config, data)
    values = {
        "sai_model_spec": "1.0.1",
        "architecture": f"{base.names.architecture}/{kind}" if kind else base.names.architecture,
        "implementation": base.names.implementation,
        "implementation_version": "crucible",
        "title": config.output.metadata_title or run.output_name,
        "resolution": f"{width}x{height}",
        "date": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(run.finished_at)),
        "prediction_type": "v" if base.prediction_type == "v_prediction" else "epsilon",
        "encoder_layer": config.model.clip_skip,
        **_authorship(config.output),
    }
    return {f"modelspec.{name}": value for name, value in values.items()}


def _largest_size(config: TrainConfig, data: DataFacts) -> tuple[int, int]:
    """The size that images were trained at; of several datasets' the largest."""
    if not data.datasets:
        return bucket_rules(config.dataset).resolution
    width, height = max((dataset["resolution"] for dataset in data.datasets), key=lambda size: size[0] * size[1])
    return width, height


def _authorship(output: OutputSettings) -> dict[str, str]:
    given = {
        "author": output.metadata_author,
        "description": output.metadata_description,
        "license": output.metadata_license,
        "tags": output.metadata_tags,
        "trigger_phrase": output.metadata_trigger_phrase,
        "usage_hint": output.metadata_usage_hint,
        "merged_from": output.metadata_merged_from,
        "preprocessor": output.metadata_preprocessor,
        "thumbnail": thumbnail_url(output.metadata_thumbnail) if output.metadata_thumbnail else "",
    }
    return {name: text for name, text in given.items() if text}

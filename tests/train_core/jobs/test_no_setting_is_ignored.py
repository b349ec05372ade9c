"""No option is accepted and ignored: each is changed alone, and its effect looked for where docs/settings.md says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from tests.event_lines import Event
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run, weights
from train_core.config.interop.sd_scripts_options import fates

DONE = {fate.name: fate.note for fate in fates() if fate.state == "done"}


@dataclass(frozen=True)
class Change:
    """A setting's other value, and what else has to be set for it to apply."""

    value: Any
    given: dict[str, Any] = field(default_factory=dict)


SHUFFLED = {"shuffle_caption": True}
VALIDATED = {"validation_split": 0.4}
SAMPLED = {"sample_prompts": "a dog --w 64 --h 64 --s 2 --d 1"}
BUCKETS = {"enable_bucket": True, "bucket_no_upscale": False, "bucket_reso_steps": 32, "min_bucket_reso": 32}
VELOCITY = {"v_parameterization": "v"}
HUBER = {"loss_type": "huber"}

CHANGES: dict[str, Change] = {
    "v_parameterization": Change("v"),
    "no_half_vae": Change(False, {"mixed_precision": "bf16"}),
    "clip_skip": Change(2),
    "max_token_length": Change(150),
    "resolution": Change("128,64"),
    "caption_extension": Change(".caption"),
    "shuffle_caption": Change(True),
    "keep_tokens": Change(2, SHUFFLED),
    "caption_separator": Change("z", SHUFFLED),
    "keep_tokens_separator": Change("tag", SHUFFLED),
    "secondary_separator": Change(" dog"),
    "enable_wildcard": Change(True, {"caption_prefix": "{red|blue}"}),
    "caption_prefix": Change("a photo of"),
    "caption_suffix": Change("in the snow"),
    "caption_tag_dropout_rate": Change(0.7),
    "token_warmup_step": Change(0.9),
    "token_warmup_min": Change(2, {"token_warmup_step": 0.9}),
    "weighted_captions": Change(True, {"caption_prefix": "(red:1.5)"}),
    "resize_interpolation": Change("nearest", {"enable_bucket": False, "resolution": "128,64"}),
    "random_crop": Change(True, {"enable_bucket": False, "cache_latents": False}),
    "color_aug": Change(True, {"cache_latents": False}),
    "caption_dropout_rate": Change(0.5),
    "caption_dropout_every_n_epochs": Change(1),
    "flip_aug": Change(True),
    "enable_bucket": Change(False, BUCKETS),
    "bucket_no_upscale": Change(True, {**BUCKETS, "resolution": "128"}),
    "min_bucket_reso": Change(64, BUCKETS),
    "max_bucket_reso": Change(64, BUCKETS),
    "bucket_reso_steps": Change(64, BUCKETS),
    "network_dim": Change(2),
    "network_alpha": Change(1),
    "network_dropout": Change(0.5),
    "scale_weight_norms": Change(1e-4),
    "network_train_unet_only": Change(True),
    "network_train_text_encoder_only": Change(True),
    "max_train_epochs": Change(2),
    "max_train_steps": Change(1),
    "train_batch_size": Change(1),
    "gradient_accumulation_steps": Change(2),
    "mixed_precision": Change("bf16"),
    "seed": Change(6),
    "noise_offset": Change(0.5),
    "noise_offset_random_strength": Change(True, {"noise_offset": 0.5}),
    "adaptive_noise_scale": Change(0.5, {"noise_offset": 0.5}),
    "multires_noise_iterations": Change(3),
    "multires_noise_discount": Change(0.9, {"multires_noise_iterations": 3}),
    "ip_noise_gamma": Change(0.2),
    "ip_noise_gamma_random_strength": Change(True, {"ip_noise_gamma": 0.2}),
    "min_timestep": Change(500),
    "max_timestep": Change(500),
    "zero_terminal_snr": Change(True, VELOCITY),
    "min_snr_gamma": Change(1),
    "debiased_estimation_loss": Change(True),
    "scale_v_pred_loss_like_noise_pred": Change(True, VELOCITY),
    "v_pred_like_loss": Change(1.0),
    "loss_type": Change("l1"),
    "huber_schedule": Change("constant", HUBER),
    "huber_c": Change(0.5, HUBER),
    "huber_scale": Change(2.0, HUBER),
    "optimizer_type": Change("Lion"),
    "optimizer_args": Change(["weight_decay=0.5"]),
    "validation_split": Change(0.4),
    "validation_seed": Change(9, VALIDATED),
    "validate_every_n_epochs": Change(2, {**VALIDATED, "max_train_epochs": 2}),
    "validate_every_n_steps": Change(1, VALIDATED),
    "max_validation_steps": Change(1, VALIDATED),
    "learning_rate": Change(2e-3),
    "unet_lr": Change(1e-4),
    "text_encoder_lr": Change(0.0),
    "stop_text_encoder_training": Change("1"),
    "lr_scheduler": Change("linear"),
    "lr_warmup_steps": Change("2", {"lr_scheduler": "constant_with_warmup"}),
    "lr_scheduler_num_cycles": Change(2, {"lr_scheduler": "cosine_with_restarts"}),
    "lr_scheduler_power": Change(3, {"lr_scheduler": "polynomial"}),
    "lr_decay_steps": Change("2", {"lr_scheduler": "warmup_stable_decay"}),
    "lr_scheduler_timescale": Change(2, {"lr_scheduler": "inverse_sqrt"}),
    "lr_scheduler_min_lr_ratio": Change(0.5, {"lr_scheduler": "cosine_with_min_lr"}),
    "lr_scheduler_args": Change(["lr_end=5e-4"], {"lr_scheduler": "polynomial"}),
    "max_grad_norm": Change(1e-3, {"optimizer_type": "SGD", "learning_rate": 10.0}),
    "sample_prompts": Change("a cat --w 64 --h 64 --s 2 --d 1", SAMPLED),
    "sample_every_n_epochs": Change(0, SAMPLED),
    "sample_every_n_steps": Change(1, SAMPLED),
    "sample_at_first": Change(True, SAMPLED),
    "sample_sampler": Change("ddim", SAMPLED),
    "output_name": Change("another"),
    "save_precision": Change("fp16"),
    "save_every_n_epochs": Change(1, {"max_train_epochs": 2}),
    "save_every_n_steps": Change(1),
    "save_n_epoch_ratio": Change(2, {"max_train_epochs": 2}),
    "save_state": Change(True),
    "save_state_on_train_end": Change(True),
    "training_comment": Change("a word"),
    "metadata_title": Change("a title"),
    "metadata_author": Change("an author"),
    "metadata_description": Change("a text"),
    "metadata_license": Change("a licence"),
    "metadata_tags": Change("a tag"),
    "metadata_trigger_phrase": Change("zuko"),
    "metadata_usage_hint": Change("at 0.8"),
    "metadata_merged_from": Change("two others"),
    "metadata_preprocessor": Change("cropped"),
    "metadata_thumbnail": Change("data:image/png;base64,AAAA"),
}

# Changed alone elsewhere, where what they do can be seen better.
SHOWN_BY = {
    "pretrained_model_name_or_path": "test_train: nothing trains without it",
    "train_data_dir": "test_dataset: its images are the batches",
    "reg_data_dir": "test_sources: twice the steps; test_subsets: how often each image is seen",
    "prior_loss_weight": "test_sources: another thing is learnt; test_library: the weights of samples",
    "dataset_config": "test_sources: sizes, batches and folders are the file's",
    "in_json": "test_library: its captions are trained",
    "dataset_repeats": "test_sources: the file says so; test_library: how often each image is seen",
    "face_crop_aug_range": "test_dataset: what of the image is in the batch",
    "alpha_mask": "test_masked_training: the same as with mask images",
    "masked_loss": "test_masked_training: another thing is learnt",
    "conditioning_data_dir": "test_masked_training: where the masks are",
    "output_dir": "test_train: results lie in it",
    "save_last_n_epochs": "test_saving: the files that stay",
    "save_last_n_steps": "test_saving: the files that stay",
    "save_last_n_epochs_state": "test_saving: the states that stay",
    "save_last_n_steps_state": "test_saving: the states that stay",
    "resume": "test_resume: the same bytes in the end",
    "network_weights": "test_starting: training goes on from the file",
    "dim_from_weights": "test_starting: ranks and layers are the file's",
    "base_weights": "test_starting: the model that is trained has them in it",
    "base_weights_multiplier": "test_starting: at these strengths",
    "vae": "models/test_load: its weights are the VAE's",
    "cache_latents": "test_train: on or off, the same is learnt; test_cache: what is encoded",
    "cache_latents_to_disk": "test_cache: files, and a second run that encodes nothing",
    "cache_text_encoder_outputs": "test_cached_texts: what is encoded, and that the same is learnt",
    "cache_text_encoder_outputs_to_disk": "test_cached_texts: files, and a second run that encodes nothing",
    "vae_batch_size": "test_cache: how many images the VAE sees at once",
    "max_data_loader_n_workers": "test_dataset: processes that load",
    "fused_backward_pass": "test_stepper: the same bits are learnt, and no gradient is left",
    "dynamo_backend": "models/test_fitting: graphs are compiled, and the same is learnt",
    "cpu_offload_checkpointing": "models/test_fitting: what is moved, and that the same is learnt",
    "gradient_checkpointing": "test_train: the same is learnt; models/test_sd1: activations that are not kept",
}


def test_every_option_that_is_done_is_looked_at_here_or_where_named() -> None:
    assert set(DONE) == set(CHANGES) | set(SHOWN_BY)


@pytest.mark.parametrize("name", sorted(CHANGES.keys() & DONE.keys()))
def test_changing_it_changes_what_it_is_for(name: str, prepare: Prepare, tmp_path: Path) -> None:
    change = CHANGES[name]
    observe = OBSERVE[DONE[name]]
    common: dict[str, Any] = {"max_train_epochs": 1, **change.given}
    before = observe(run(prepare("result", **common)))
    for path in (tmp_path / "out").rglob("*.*"):
        path.unlink()  # so that names need not differ
    after = observe(run(prepare("result", **common | {name: change.value})))
    assert before != after


def learnt(events: list[Event]) -> dict[str, list[float]]:
    """The trained numbers."""
    return {name: tensor.flatten().tolist() for name, tensor in weights(events).items()}


def written(events: list[Event]) -> tuple[Any, ...]:
    """Names, metadata and number format of the result, without what differs between two equal runs."""
    formats = {tensor.dtype for tensor in weights(events).values()}
    with safe_open(events[-1]["path"], framework="pt") as file:
        said = {k: v for k, v in file.metadata().items() if not k.endswith(("_at", "date", "session_id", "_hash"))}
    return [Path(event["path"]).name for event in kinds(events, "saved")], said, formats


def drawn(events: list[Event]) -> list[tuple[Any, ...]]:
    """When samples were drawn, and their pixels."""
    return [(e["step"], e["epoch"], Path(e["path"]).read_bytes()) for e in kinds(events, "sample")]


def kept(events: list[Event]) -> list[tuple[str, int]]:
    """Which states were written, and when."""
    return [(Path(event["path"]).name, event["step"]) for event in kinds(events, "state")]


def measured(events: list[Event]) -> list[tuple[int, float]]:
    """The validation curve."""
    return [(event["step"], event["loss"]) for event in kinds(events, "validation")]


OBSERVE: dict[str, Callable[[list[Event]], Any]] = {
    "weights": learnt, "file": written, "pictures": drawn, "states": kept,
    "validation curve": measured,
}

"""Advice on settings to change when a run fails, for this configuration, most helpful first."""

from __future__ import annotations

from train_core.config.checks.consistency import learning_rates
from train_core.config.checks.images import resolution_of
from train_core.config.jobs.train import TrainConfig
from train_core.config.syntax.optimizer_traits import adapts_rate

AT_MOST = 3


def memory_advice(config: TrainConfig, computer: bool) -> str:
    """Up to three settings, as `name = value; …`, that need less memory of the card, or of the `computer`."""
    own = _less_in_the_computer(config) if computer else []
    return "; ".join([*own, *_less_on_the_device(config)][:AT_MOST])


def _less_in_the_computer(config: TrainConfig) -> list[str]:
    dataset = config.dataset
    found = []
    if dataset.max_data_loader_n_workers:
        found.append("max_data_loader_n_workers = 0")
    if dataset.cache_latents and not dataset.cache_latents_to_disk:
        found.append("cache_latents_to_disk = true")
    return found


def _less_on_the_device(config: TrainConfig) -> list[str]:
    training, dataset = config.training, config.dataset
    found = []
    if training.train_batch_size > 1:
        found.append(f"train_batch_size = {training.train_batch_size // 2}")
    if not config.memory.gradient_checkpointing:
        found.append("gradient_checkpointing = true")
    if training.mixed_precision == "no":
        found.append("mixed_precision = bf16")
    if not dataset.cache_latents:
        found.append("cache_latents = true")
    elif dataset.vae_batch_size > 1:
        found.append("vae_batch_size = 1")
    if config.memory.base_precision == "same":
        found.append("base_precision = fp8")
    if smaller := _smaller(dataset.resolution):
        found.append(f"resolution = {smaller}")
    if len(learning_rates(config)) > 1:
        found.append("network_train_unet_only = true")
    if config.network.network_dim > 8:
        found.append(f"network_dim = {config.network.network_dim // 2}")
    return found


def _smaller(resolution: str) -> str:
    """Three quarters of `resolution` in steps of 64; "" where that is nothing less."""
    now = resolution_of(resolution)
    width, height = (max(64, side * 3 // 4 // 64 * 64) for side in now)
    return f"{width},{height}" if (width, height) != now else ""


def stability_advice(config: TrainConfig) -> str:
    """Up to three settings, as `name = value; …`, with which the loss is less likely to run away."""
    optimizer = config.optimizer
    found = []
    if config.training.mixed_precision == "fp16":
        found.append("mixed_precision = bf16")
    if not optimizer.max_grad_norm:
        found.append("max_grad_norm = 1.0")
    if adapts_rate(optimizer.optimizer_type):
        found.append("optimizer_type = AdamW8bit; learning_rate = 0.0001")
    else:
        highest = max(learning_rates(config).values(), default=optimizer.learning_rate)
        found.append(f"learning_rate = {highest / 10:g}")
    if optimizer.lr_scheduler == "constant":
        found.append("lr_scheduler = constant_with_warmup; lr_warmup_steps = 5%")
    return "; ".join(found[:AT_MOST])

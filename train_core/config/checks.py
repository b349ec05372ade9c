"""Settings checked against each other: contradictions stop a job, oddities are warned about."""

from __future__ import annotations

from train_core.config.checks_loss import loss_contradictions, loss_oddities
from train_core.config.checks_optimizer import optimizer_contradictions, optimizer_oddities
from train_core.config.problems import Problem, problem
from train_core.config.train import TrainConfig


def resolution_of(text: str) -> tuple[int, int]:
    """Width and height in pixels from "512" or "768,512"."""
    sides = [int(side) for side in text.split(",")]
    return (sides[0], sides[-1])


def contradictions(config: TrainConfig) -> list[Problem]:
    """Everything that makes these settings impossible together."""
    return [
        *_length(config),
        *_network(config),
        *_buckets(config),
        *optimizer_contradictions(config, learning_rates(config)),
        *loss_contradictions(config.loss, config.model.v_parameterization),
    ]


def _length(config: TrainConfig) -> list[Problem]:
    training = config.training
    if training.max_train_epochs or training.max_train_steps:
        return []
    return [problem("no_length", "max_train_epochs and max_train_steps are both 0. Set one of them.")]


def _network(config: TrainConfig) -> list[Problem]:
    network = config.network
    if network.network_train_unet_only and network.network_train_text_encoder_only:
        return [
            problem(
                "unet_only_and_text_encoder_only",
                "network_train_unet_only and network_train_text_encoder_only are both on. "
                "Turn one off; turn both off to train both.",
            )
        ]
    return []


def _buckets(config: TrainConfig) -> list[Problem]:
    dataset = config.dataset
    width, height = resolution_of(dataset.resolution)
    if width < 64 or height < 64 or width % 8 or height % 8:
        return [
            problem(
                "bad_resolution",
                "resolution = {resolution}: both sides must be at least 64 and multiples of 8.",
                resolution=dataset.resolution,
            )
        ]
    low, high = dataset.min_bucket_reso, dataset.max_bucket_reso
    # Without upscaling a bucket follows the image itself, and these two are not used.
    follows_list = dataset.enable_bucket and not dataset.bucket_no_upscale
    if follows_list and not low <= min(width, height) <= max(width, height) <= high:
        return [
            problem(
                "bucket_bounds",
                "resolution = {resolution} does not lie between min_bucket_reso = {low} and max_bucket_reso = {high}. "
                "Lower the first or raise the second.",
                resolution=dataset.resolution, low=low, high=high,
            )
        ]
    return []


def learning_rates(config: TrainConfig) -> dict[str, float]:
    """The rate of each part that trains: `unet`, `text_encoder`."""
    optimizer, network = config.optimizer, config.network
    rates = {}
    if not network.network_train_text_encoder_only:
        rates["unet"] = optimizer.learning_rate if optimizer.unet_lr is None else optimizer.unet_lr
    if not network.network_train_unet_only:
        rates["text_encoder"] = (
            optimizer.learning_rate if optimizer.text_encoder_lr is None else optimizer.text_encoder_lr
        )
    return rates


def oddities(config: TrainConfig) -> list[Problem]:
    """What works but is rarely meant."""
    found = [*optimizer_oddities(config, learning_rates(config)), *loss_oddities(config.loss)]
    if config.captions.keep_tokens and not config.captions.shuffle_caption:
        found.append(
            problem(
                "keep_tokens_without_shuffle",
                "keep_tokens = {keep_tokens} has no effect while shuffle_caption is off.",
                keep_tokens=config.captions.keep_tokens,
            )
        )
    return found


def fp16_on_cpu() -> Problem:
    """What is said, by the launcher or by the job itself, when fp16 meets a CPU."""
    return problem(
        "fp16_on_cpu",
        "mixed_precision = fp16 does not work on a CPU. Use bf16, which is also several times faster than no.",
    )

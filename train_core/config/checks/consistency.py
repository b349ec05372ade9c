"""Settings checked against each other: contradictions stop a job, oddities are warned about."""

from __future__ import annotations

from collections.abc import Sequence

from train_core.config.checks.compiling import compiling_contradictions
from train_core.config.checks.draws import draw_contradictions, draw_oddities
from train_core.config.checks.embedding import word_contradictions, word_oddities
from train_core.config.checks.hypernetwork import hypernetwork_contradictions
from train_core.config.checks.images import bucket_contradictions, source_contradictions
from train_core.config.checks.launch import launch_contradictions, sharding_contradictions
from train_core.config.checks.loss import loss_contradictions, loss_oddities
from train_core.config.checks.network import network_contradictions, network_oddities
from train_core.config.checks.optimizer import optimizer_contradictions, optimizer_oddities
from train_core.config.checks.paths import foreign_outputs
from train_core.config.checks.saving import format_contradictions, name_contradictions, saving_oddities
from train_core.config.checks.validation import validation_contradictions
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, problem
from train_core.config.syntax.arguments import parse_numbers


def contradictions(config: TrainConfig) -> list[Problem]:
    """Contradictions that make these settings impossible together."""
    return [
        *foreign_outputs(config),
        *_length(config),
        *name_contradictions(config.output),
        *format_contradictions(config),
        *network_contradictions(config),
        *hypernetwork_contradictions(config),
        *word_contradictions(config),
        *compiling_contradictions(config),
        *_cached_texts(config),
        *source_contradictions(config.dataset),
        *bucket_contradictions(config.dataset),
        *draw_contradictions(config.dataset, config.captions, config.augmentation),
        *optimizer_contradictions(config, learning_rates(config)),
        *launch_contradictions(config.launch), *sharding_contradictions(config),
        *validation_contradictions(config.validation),
        *loss_contradictions(config.loss, config.model.v_parameterization),
    ]


def _length(config: TrainConfig) -> list[Problem]:
    training = config.training
    if training.max_train_epochs or training.max_train_steps:
        return []
    return [problem("no_length", "max_train_epochs and max_train_steps are both 0. Set one of them.")]


def _cached_texts(config: TrainConfig) -> list[Problem]:
    if not config.dataset.cache_text_encoder_outputs or learning_rates(config).keys() == {"unet"}:
        return []
    if config.method.training_method == "textual inversion":
        return [
            problem(
                "cached_texts_and_new_words",
                "cache_text_encoder_outputs is on, but new words change what the captions mean at every step. Turn off "
                "the cache.",
            )
        ]
    return [
        problem(
            "cached_texts_and_text_encoder",
            "cache_text_encoder_outputs is on, but the text encoder is trained, so its outputs change at every step. "
            "Turn on network_train_unet_only, or turn off the cache.",
        )
    ]


def learning_rates(
    config: TrainConfig, denoiser: str = "unet", text_parts: Sequence[str] = ("text_encoder", "text_encoder_2")
) -> dict[str, float]:
    """The rate of each part that trains: the denoiser's, and each text encoder's; the last one given is for all left.

    The names are those of the family's modules. Without them they are the well-known ones.
    """
    optimizer, network = config.optimizer, config.network
    if config.method.training_method == "textual inversion":
        return dict.fromkeys(text_parts, optimizer.learning_rate)
    if config.method.training_method == "hypernetwork":
        return {denoiser: optimizer.learning_rate}
    rates = {}
    if not network.network_train_text_encoder_only:
        rates[denoiser] = optimizer.learning_rate if optimizer.unet_lr is None else optimizer.unet_lr
    if not network.network_train_unet_only:
        of_text = parse_numbers(optimizer.text_encoder_lr) or [optimizer.learning_rate]
        rates |= {part: of_text[min(place, len(of_text) - 1)] for place, part in enumerate(text_parts)}
    return rates


def oddities(config: TrainConfig) -> list[Problem]:
    """Warnings for what works but is rarely meant."""
    found = [*optimizer_oddities(config, learning_rates(config)), *loss_oddities(config.loss)]
    found += [*network_oddities(config), *word_oddities(config)]
    return [*found, *draw_oddities(config.captions), *saving_oddities(config.output, config.resume)]


def fp16_on_cpu() -> Problem:
    """Problem reported by the launcher or by the job itself when fp16 is used on a CPU."""
    return problem(
        "fp16_on_cpu",
        "mixed_precision = fp16 does not work on a CPU. Use bf16, which is also several times faster than "
        "mixed_precision = no.",
    )

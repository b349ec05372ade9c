"""Settings of the adapter, checked against each other."""

from __future__ import annotations

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, problem
from train_core.config.syntax.optimizer_traits import is_schedule_free


def network_contradictions(config: TrainConfig) -> list[Problem]:
    """Contradictions that make these settings impossible together."""
    return [*_parts(config), *_forms(config), *_norms(config), *_start(config)]


def _parts(config: TrainConfig) -> list[Problem]:
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


def _forms(config: TrainConfig) -> list[Problem]:
    """Contradictions where one option computes in a way that leaves another one out."""
    values, found = config.applicable(), []
    if values.get("bypass_mode"):
        plain = values["LoRA_type"] == "LoRA"
        blocking = [name for name in ("dora_wd", "rank_dropout") if values.get(name)]
        blocking = [name for name in blocking if name == "dora_wd" or not plain]
        if blocking:
            found.append(
                problem(
                    "bypass_cannot",
                    "bypass_mode works on the data that flows through a layer, not on its weights, so it cannot be "
                    "combined with {names}. Turn one of them off.",
                    names=", ".join(blocking),
                )
            )
    if values.get("dora_wd") and values.get("network_dropout"):
        found.append(
            problem(
                "dora_and_dropout",
                "dora_wd works on whole weights, so network_dropout has no activations to drop. Set network_dropout to "
                "0; rank_dropout and module_dropout do work with dora_wd.",
            )
        )
    return found


def _norms(config: TrainConfig) -> list[Problem]:
    if not (config.applicable().get("scale_weight_norms") and is_schedule_free(config.optimizer.optimizer_type)):
        return []
    return [
        problem(
            "norms_and_schedule_free",
            "{optimizer} keeps a second copy of the trained weights, which scale_weight_norms cannot limit. Set "
            "scale_weight_norms to 0, or choose another optimizer.",
            optimizer=config.optimizer.optimizer_type,
        )
    ]


def _start(config: TrainConfig) -> list[Problem]:
    algorithm = config.algorithm
    strengths = algorithm.base_weights_multiplier
    if not algorithm.base_weights or len(strengths) <= len(algorithm.base_weights):
        return []
    return [
        problem(
            "more_strengths_than_files",
            "base_weights_multiplier has {strengths} strengths for {files} files in base_weights. Write one for each "
            "file.",
            strengths=len(strengths), files=len(algorithm.base_weights),
        )
    ]

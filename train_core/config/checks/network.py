"""Settings of the adapter, checked against each other."""

from __future__ import annotations

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, problem
from train_core.config.syntax.layer_presets import AUTO, PRESETS
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


def network_oddities(config: TrainConfig) -> list[Problem]:
    """Warnings about settings that mean nothing beside others: for layers that get no adapter."""
    values = config.applicable()
    preset = PRESETS.get(config.network.LyCORIS_preset.strip())
    own_ranks = [name for name in ("conv_dim", "conv_block_dims") if values.get(name)]
    silent = own_ranks if preset and not preset.enable_conv else []
    plain = config.network.LyCORIS_preset.strip() == AUTO and not own_ranks
    if values.get("use_tucker") and (silent or plain or (preset and not preset.enable_conv)):
        silent = [*silent, "use_tucker"]
    found = [_needs_convolutions(name, config) for name in silent]
    if values.get("train_norm") and _without_norms(config):
        found.append(
            problem(
                "no_norms_chosen",
                "train_norm has no effect: the layers that are trained contain no norms. Choose other layers with "
                "LyCORIS_preset, such as auto or full for the U-Net, or turn train_norm off.",
            )
        )
    return found


def _without_norms(config: TrainConfig) -> bool:
    """Whether none of the modules whose layers are trained has a norm in it; of files of layers nothing is said."""
    name = config.network.LyCORIS_preset.strip()
    if name in ("attn-only", "ia3"):
        return True
    return config.network.network_train_text_encoder_only and (name == AUTO or name in PRESETS)


def _needs_convolutions(name: str, config: TrainConfig) -> Problem:
    return problem(
        "no_convolutions_chosen",
        "{name} has no effect: with LyCORIS_preset = {preset} no 3x3 convolutions are trained. Choose auto with a "
        "conv_dim, or full; or remove {name}.",
        name=name, preset=config.network.LyCORIS_preset.strip(),
    )

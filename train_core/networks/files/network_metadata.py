"""Metadata of an adapter file about its algorithm and sizes, in the words of sd-scripts and LyCORIS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from train_core.config.interop.sd_scripts_networks import network_in_their_words
from train_core.config.jobs.train import TrainConfig


def network_metadata(config: TrainConfig) -> dict[str, Any]:
    """The `ss_network_` entries of a training's files. `network_args` always say on which side DoRA's magnitudes lie.

    None stands for what is not used. Names of files are in it only where `metadata_depth` is full.
    """
    nameless = config.output.metadata_depth != "full"
    network, algorithm = config.network, config.algorithm
    applicable = config.applicable()
    said, _ = network_in_their_words(applicable, {s.name: s.default for s in config.settings()})
    arguments = dict(word.split("=", 1) for word in said.get("network_args", []))
    if applicable.get("dora_wd"):
        arguments["wd_on_output"] = str(algorithm.wd_on_output)
    if algorithm.base_weights:
        names = [Path(path).name for path in algorithm.base_weights]
        strengths = "; ".join(algorithm.base_weights_multiplier)
        arguments |= {"base_weights": ", ".join(names), "base_weights_multiplier": strengths}
    if nameless:
        arguments = {name: value for name, value in arguments.items() if name != "base_weights"}
    if "preset" in arguments:
        preset = arguments["preset"]
        arguments["preset"] = ("own.toml" if nameless else Path(preset).name) if preset.endswith(".toml") else preset
    from_file = bool(applicable.get("dim_from_weights"))
    return {
        "ss_network_module": said["network_module"],
        "ss_network_dim": "Dynamic" if from_file else network.network_dim,
        "ss_network_alpha": "Dynamic" if from_file else network.network_alpha,
        "ss_network_dropout": network.network_dropout or None,
        "ss_scale_weight_norms": network.scale_weight_norms or None,
        **(
            {"ss_network_args": json.dumps(arguments | {"dropout": network.network_dropout or None})}
            if arguments else {}
        ),
    }  # fmt: skip

"""Adapters for tests: from settings to layers on given targets."""

from __future__ import annotations

from collections.abc import Sequence

from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.kinds import SD_LAYOUT, BlockLayout
from train_core.models.family import Target
from train_core.networks.attach import Adapter, build_adapter
from train_core.networks.choose import Chooser

PLAIN = AlgorithmSettings()


def adapter_on(
    targets: Sequence[Target], network: NetworkSettings, seed: int = 0, algorithm: AlgorithmSettings = PLAIN,
    layout: BlockLayout = SD_LAYOUT,
) -> Adapter:
    """The adapter, not attached, that these settings put on `targets`."""
    return build_adapter(Chooser(network, algorithm, layout).choose(targets), seed)


def lora_layers(targets: Sequence[Target], convolutions: bool = False) -> list[Target]:
    """Those of `targets` that a LoRA sits on, and with `convolutions` a LoCon."""
    network = NetworkSettings(conv_dim=4 if convolutions else None)
    return [chosen.target for chosen in Chooser(network, PLAIN, SD_LAYOUT).choose(targets)]

"""The method that trains a hypernetwork: small networks before the keys and values of the U-Net's attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn

from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.hypernetwork import HypernetworkSettings
from train_core.config.syntax.arguments import parse_numbers
from train_core.config.syntax.hypernetworks import structure_of
from train_core.facts.adapters.hypernetwork_files import read_hypernetwork
from train_core.methods.method import Method
from train_core.models.family import Family
from train_core.networks.files.hypernetwork import load_networks, save_hypernetwork
from train_core.networks.hypernetwork import context_widths, hypernetwork_on, networks_for, require_known


class Hypernetwork(Method):
    """Holds the networks while the denoiser's attentions read through them."""

    modelspec_kind: ClassVar[str] = "hypernetwork"

    def __init__(self, family: Family, settings: HypernetworkSettings, seed: int) -> None:
        targets = family.targets()
        known = context_widths(targets)
        path = settings.hypernetwork_weights.strip()
        started = read_hypernetwork(Path(path)) if path else None
        self.structure = started.structure if started else structure_of(settings)
        widths = started.widths if started else [int(one) for one in parse_numbers(settings.enable_sizes)] or known
        require_known(widths, known, path or "enable_sizes")
        self.trainable: nn.ModuleDict = networks_for(widths, self.structure, seed)
        if started:
            load_networks(self.trainable, started)
        self.steps_before = started.step if started else 0
        self.adapter = hypernetwork_on(targets, self.trainable)
        self.adapter.attach()
        self._denoiser = family.denoiser
        self._steps = 0

    @classmethod
    def of(cls, config: TrainConfig, family: Family, total_steps: int) -> Self:
        return cls(family, config.hypernetwork, config.training.seed)

    @property
    def parts(self) -> set[str]:
        return {self._denoiser}

    def parameter_groups(self, rates: Mapping[str, float]) -> list[dict[str, Any]]:
        return [{
            "params": list(self.trainable.parameters()), "lr": rates[self._denoiser], "name": self._denoiser,
        }]  # fmt: skip

    def disabled(self) -> AbstractContextManager[None]:
        return self.adapter.disabled()

    def begin_step(self, step: int) -> None:
        self._steps = step + 1

    def reseed(self, step_seed: int, sample_seeds: Sequence[int]) -> None:
        self.adapter.reseed(step_seed, sample_seeds)

    def save(self, path: Path, dtype: torch.dtype, metadata: Mapping[str, str]) -> None:
        steps = self.steps_before + int(metadata.get("ss_steps", self._steps))
        save_hypernetwork(path, self.trainable, self.structure, steps, dtype, metadata)

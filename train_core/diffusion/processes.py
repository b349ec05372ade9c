"""The table of noise processes: which one a base model is trained and drawn with."""

from __future__ import annotations

from collections.abc import Callable

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.ddpm import ddpm_of
from train_core.diffusion.process import Process
from train_core.models.family import Family

# By `Family.process`.
PROCESSES: dict[str, Callable[[Family, LossSettings], Process]] = {"ddpm": ddpm_of}


def process_of(family: Family, settings: LossSettings) -> Process:
    """The process of `family`, on the CPU, as `settings` have it; plain `LossSettings()` give the model's own."""
    return PROCESSES[family.process](family, settings)

"""The settings of a try: the training's own, of which the job does ten steps and draws one picture."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.resume import ResumeSettings

STEPS = 10


class TryConfig(TrainConfig, name="try", entry="train_core.jobs.try_out:try_out"):
    """A few steps of a training, to know what the whole of it takes; nothing of them is kept."""

    title: ClassVar[str] = "Try"
    keeps_run: ClassVar[bool] = False
    saves: ClassVar[bool] = False

    @classmethod
    def of(cls, settings: TrainConfig) -> TryConfig:
        """The try of a training, from its beginning."""
        sections = {key: getattr(settings, key) for key in type(settings).sections()}
        return cls(**{**sections, "resume": ResumeSettings()})

    def run_name(self) -> str:
        """The training's name, marked as a try."""
        return f"{super().run_name()}-try"


def shortened(config: TrainConfig, folder: Path, steps: int = STEPS) -> TrainConfig:
    """`config` for `steps` steps whose results go to `folder`: caches stay in memory, nothing is saved on the way, and
    pictures are drawn only when asked for."""
    sections = {key: getattr(config, key) for key in type(config).sections()}
    sections |= {
        "training": config.training.model_copy(update={"max_train_epochs": 0, "max_train_steps": steps}),
        "dataset": config.dataset.model_copy(
            update={"cache_latents_to_disk": False, "cache_text_encoder_outputs_to_disk": False}
        ),
        "samples": config.samples.model_copy(
            update={"sample_every_n_epochs": 0, "sample_every_n_steps": 0, "sample_at_first": False}
        ),
        "output": OutputSettings(output_dir=str(folder), output_name="try"),
        "resume": ResumeSettings(),
    }  # fmt: skip
    return type(config)(**sections)

"""The settings of a search for the learning rate: the user's own, with what Prodigy needs in place of theirs."""

from __future__ import annotations

from typing import ClassVar

from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.method import WHOLE
from train_core.config.sections.optimizer import OptimizerSettings
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.rates import RateSettings
from train_core.config.sections.resume import ResumeSettings
from train_core.config.sections.samples import SampleSettings
from train_core.config.sections.validation import ValidationSettings
from train_core.config.syntax.arguments import parse_numbers

# D-Adaptation finds rates several times too high where up layers start at zero: on the demo's images it diverges at
# 5.6e-3, where Prodigy (Mishchenko and Defazio, 2024), which follows from it, settles at 5.8e-4 and learns.
OPTIMIZER = "Prodigy"
# Prodigy's rate only grows. It starts at 1e-6, where the rates of whole models end.
START_OF_WHOLE = "d0=1e-8"
TEXT_ENCODER_SHARE = 1 / 2  # of the U-Net's rate, as is usual
LION_SHARE = 1 / 3  # Lion's steps have one size, so its rate has to be smaller (Chen et al., 2023)


class FindRateConfig(TrainConfig, name="find_rate", entry="train_core.jobs.find_rate:find_rate"):
    """A training run whose only result is a learning rate."""

    title: ClassVar[str] = "Find learning rate"
    saves: ClassVar[bool] = False

    @classmethod
    def of(cls, settings: TrainConfig) -> FindRateConfig:
        """The search that belongs to a training."""
        return search_settings(settings)

    def run_name(self) -> str:
        """The training's name, marked as a search."""
        return f"{super().run_name()}-rate"


def search_settings(config: TrainConfig) -> FindRateConfig:
    """`config` for a search of `find_rate_steps`: the same model, images, adapter and loss.

    Prodigy runs at a constant rate of 1 for all parts that train; rate 0 still leaves a part out. Nothing is
    saved, drawn or validated, and no state is resumed or kept.
    """
    sections = {key: getattr(config, key) for key in type(config).sections()}
    optimizer = config.optimizer
    unet = optimizer.learning_rate if optimizer.unet_lr is None else optimizer.unet_lr
    texts = parse_numbers(optimizer.text_encoder_lr) or [optimizer.learning_rate]
    sections |= {
        "optimizer": OptimizerSettings(
            optimizer_type=OPTIMIZER, learning_rate=1.0, unet_lr=1.0 if unet else 0.0,
            text_encoder_lr=",".join("1" if rate else "0" for rate in texts), lr_scheduler="constant",
            optimizer_args=[START_OF_WHOLE] if config.method.training_method in WHOLE else [],
            max_grad_norm=optimizer.max_grad_norm, find_rate_steps=optimizer.find_rate_steps,
        ),
        "rates": RateSettings(),
        "training": config.training.model_copy(
            update={"max_train_epochs": 0, "max_train_steps": optimizer.find_rate_steps}
        ),
        "samples": SampleSettings(), "validation": ValidationSettings(), "resume": ResumeSettings(),
        "output": OutputSettings(output_dir=config.output.output_dir, output_name=config.output.output_name),
    }  # fmt: skip
    return FindRateConfig(**sections)


def suggested_rates(rate: float, by_part: bool) -> dict[str, dict[str, float]]:
    """Settings for the rate that the search found, by the optimizer's name.

    They are `unet_lr` and `text_encoder_lr` where parts learn each at a rate of its own, else `learning_rate`.
    """
    found = {name: _rounded(rate * share) for name, share in (("AdamW8bit", 1.0), ("Lion", LION_SHARE))}
    if not by_part:
        return {name: {"learning_rate": lr} for name, lr in found.items()}
    return {name: {"unet_lr": lr, "text_encoder_lr": _rounded(lr * TEXT_ENCODER_SHARE)} for name, lr in found.items()}


def _rounded(rate: float) -> float:
    """Two digits: a search is no more exact."""
    return float(f"{rate:.1e}")

"""The settings of the job that makes class images: the training's own, without what only a training needs."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.sections.resume import ResumeSettings
from train_core.config.sections.samples import SampleSettings
from train_core.config.sections.validation import ValidationSettings

BESIDE = "reg"  # the folder beside the image folder that is recognised as that of regularisation images


class ClassImagesConfig(
    TrainConfig, name="class_images", entry="train_core.jobs.class_images:make_class_images",
    checks="train_core.facts.datasets.missing_class_images:examine_class_images",
):
    """Regularisation images drawn by the base model of a training; `class_data_dir` says where they go."""

    title: ClassVar[str] = "Make class images"

    @classmethod
    def of(cls, settings: TrainConfig) -> ClassImagesConfig:
        """The class images of a training."""
        return class_image_settings(settings)

    def run_name(self) -> str:
        """The training's name, marked as its class images."""
        return f"{super().run_name()}-class-images"


def class_image_settings(config: TrainConfig) -> ClassImagesConfig:
    """`config` for making its class images. The folder they go to need not be there yet, nor is it looked through as
    that of regularisation images."""
    sections = {key: getattr(config, key) for key in type(config).sections()}
    made = config.class_images
    folder = made.class_data_dir.strip() or config.dataset.reg_data_dir.strip() or _beside(config.dataset)
    sections |= {
        "class_images": made.model_copy(update={"class_data_dir": folder}),
        "dataset": config.dataset.model_copy(update={"reg_data_dir": "", "diff_output_preservation": False}),
        "samples": SampleSettings(), "validation": ValidationSettings(), "resume": ResumeSettings(),
    }  # fmt: skip
    return ClassImagesConfig(**sections)


def _beside(dataset: DatasetSettings) -> str:
    source = dataset.train_data_dir.strip() or dataset.dataset_config.strip() or dataset.in_json.strip()
    return str(Path(source).parent / BESIDE) if source else ""

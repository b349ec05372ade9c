"""The sections that describe images, taken together: what each level of a dataset file may change."""

from __future__ import annotations

from dataclasses import dataclass, field

from train_core.config.sections.augmentation import AugmentationSettings
from train_core.config.sections.captions import CaptionSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.train import TrainConfig


@dataclass(frozen=True)
class DataSettings:
    """How a group of images is found, read and varied."""

    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    captions: CaptionSettings = field(default_factory=CaptionSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    @classmethod
    def of(cls, config: TrainConfig) -> DataSettings:
        """What `config` says of its images."""
        return cls(config.dataset, config.captions, config.augmentation)

"""The sections that describe images, taken together: what each level of a dataset file may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.augmentation import AugmentationSettings
from train_core.config.sections.captions import CaptionSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.setting import Setting


@dataclass(frozen=True)
class DataSettings:
    """Settings of how a group of images is found, read and varied."""

    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    captions: CaptionSettings = field(default_factory=CaptionSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    @classmethod
    def of(cls, config: TrainConfig) -> DataSettings:
        """The image settings of `config`."""
        return cls(config.dataset, config.captions, config.augmentation)

    @classmethod
    def settings(cls) -> dict[str, Setting]:
        """Every setting of these sections by its name."""
        own = {part.name for part in fields(cls)}
        return {s.name: s for s in TrainConfig.settings() if s.section in own}

    def flat(self) -> dict[str, Any]:
        """All values by setting name."""
        return {name: value for part in fields(self) for name, value in dict(getattr(self, part.name)).items()}

    def with_values(self, values: Mapping[str, Any]) -> DataSettings:
        """The same with `values`, which have the right types, over the present ones."""
        changed = {}
        for part in fields(self):
            section = getattr(self, part.name)
            own = {name: values[name] for name in type(section).model_fields if name in values}
            changed[part.name] = section.model_copy(update=own)
        return DataSettings(**changed)

"""How images are varied from draw to draw."""

from __future__ import annotations

from train_core.config.setting import Section, setting


class AugmentationSettings(Section, title="Augmentation"):
    flip_aug: bool = setting(
        False, "Mirror half of the draws. Not for faces with a side parting, text or logos.", label="Flip augmentation",
    )

"""What is trained: an adapter, the whole model, new words, or a hypernetwork."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import when
from train_core.config.setting import Section, setting

TrainingMethod = Literal["LoRA", "DreamBooth", "fine-tuning", "textual inversion", "hypernetwork"]
WHOLE = ("DreamBooth", "fine-tuning")  # train the model's own weights
FOR_ADAPTER = when("training_method", "LoRA")
FOR_WHOLE_MODEL = when("training_method", *WHOLE)
FOR_WORDS = when("training_method", "textual inversion")
FOR_HYPERNETWORK = when("training_method", "hypernetwork")
FOR_PARTS = when("training_method", "LoRA", *WHOLE)  # where U-Net and text encoders learn each at a rate of its own
WITH_CLASS_IMAGES = when("training_method", "LoRA", "DreamBooth", "textual inversion", "hypernetwork")
FOR_FORMATS = when("training_method", *WHOLE, "textual inversion")  # whose results may be files of several formats
ON_FROZEN_MODEL = when("training_method", "LoRA", "textual inversion", "hypernetwork")


class MethodSettings(Section, title="Method"):
    training_method: TrainingMethod = setting(
        "LoRA", "What is trained. LoRA, with its relatives from LyCORIS, suits nearly everything. DreamBooth and "
        "fine-tuning change the whole model: files of gigabytes, and far more memory. Textual inversion finds a new "
        "word for what the model can draw already. A hypernetwork is an older kind of adapter.",
        label="What is trained",
    )

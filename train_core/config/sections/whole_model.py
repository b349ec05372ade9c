"""Training of the model's own weights: which of them learn."""

from __future__ import annotations

from train_core.config.sections.method import FOR_WHOLE_MODEL
from train_core.config.setting import Section, setting


class WholeModelSettings(Section, title="Whole model", applies_to=FOR_WHOLE_MODEL):
    train_layers: list[str] = setting(
        [], "Train only these layers, one pattern per line; empty trains all. A pattern is a layer's path, or what the "
        "path begins with, by the names of the original file or of diffusers; * stands for anything, as in *attn2*, "
        "input_blocks.4 or text_encoder.", label="Layers to train", lines=3, advanced=True,
    )
    freeze_layers: list[str] = setting(
        [], "Leave these layers as they are, one pattern per line, such as *norm* or text_encoder*embeddings*. Goes "
        "before the layers to train.", label="Layers to freeze", lines=3, advanced=True,
    )

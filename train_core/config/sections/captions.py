"""How captions are read and changed from draw to draw."""

from __future__ import annotations

from train_core.config.setting import Section, setting


class CaptionSettings(Section, title="Captions"):
    caption_extension: str = setting(
        ".txt", "Ending of the caption files beside the images.", label="Caption extension", pattern=r"^\.?\w+$",
    )
    shuffle_caption: bool = setting(
        False, "Shuffle the comma-separated tags each time an image is drawn.", label="Shuffle caption",
    )
    keep_tokens: int = setting(
        0, "How many tags at the front stay in place when shuffling.", label="Keep tokens", ge=0, le=255,
    )
    caption_separator: str = setting(
        ",", "What separates tags.", label="Caption separator", min_length=1, advanced=True,
    )
    caption_dropout_rate: float = setting(
        0.0, "Share of draws with an empty caption.", label="Caption dropout rate", ge=0, le=1, advanced=True,
    )
    caption_dropout_every_n_epochs: int = setting(
        0, "Every n-th epoch uses no captions at all; 0 is off.", label="Caption dropout every n epochs", unit="epochs",
        ge=0, advanced=True,
    )

"""Reading of captions, and their variation from draw to draw."""

from __future__ import annotations

from train_core.config.conditions import when_set
from train_core.config.setting import Section, setting


class CaptionSettings(Section, title="Captions"):
    caption_extension: str = setting(
        ".txt", "File extension of the captions beside the images.", label="Caption extension", pattern=r"^\.?\w+$",
    )
    shuffle_caption: bool = setting(
        False, "Shuffle the comma-separated tags each time an image is drawn.", label="Shuffle caption",
    )
    keep_tokens: int = setting(
        0, "How many tags at the front stay in place when tags are shuffled or dropped.", label="Keep tokens", ge=0,
        le=255,
    )
    keep_tokens_separator: str = setting(
        "", "A mark in captions, such as |||: tags before it stay in place, and so do those after a second one. "
        "Replaces keep_tokens where it occurs.", label="Keep tokens separator", advanced=True,
    )
    caption_prefix: str = setting(
        "", "Text put before every caption, for example a trigger word and a comma.", label="Caption prefix",
    )
    caption_suffix: str = setting("", "Text put after every caption.", label="Caption suffix", advanced=True)
    caption_dropout_rate: float = setting(
        0.0, "How often an image is shown with an empty caption, as a share.", label="Caption dropout rate", ge=0, le=1,
        advanced=True,
    )
    caption_dropout_every_n_epochs: int = setting(
        0, "Every n-th epoch uses no captions at all; 0 is off.", label="Caption dropout every n epochs", unit="epochs",
        ge=0, advanced=True,
    )
    caption_tag_dropout_rate: float = setting(
        0.0, "Share of tags that are dropped each time; kept tokens never are.", label="Tag dropout rate", ge=0, le=1,
        advanced=True,
    )
    enable_wildcard: bool = setting(
        False, "Each time, pick one of {red|blue} and one line of a caption with several lines; {{ and }} are plain "
        "braces.", label="Wildcards", advanced=True,
    )
    token_warmup_step: float = setting(
        0.0, "Start with few tags and show all of them from this step on; below 1 it is a share of the run, 0 is off.",
        label="Token warm-up steps", ge=0, advanced=True,
    )
    token_warmup_min: int = setting(
        1, "How many tags, besides the kept ones, are shown at the first step.", label="Token warm-up minimum", ge=0,
        applies_to=when_set("token_warmup_step"), advanced=True,
    )
    caption_separator: str = setting(
        ",", "The character or text between tags.", label="Caption separator", min_length=1, advanced=True,
    )
    secondary_separator: str = setting(
        "", "Keeps tags together while others are shuffled, such as red hair;;;red eyes; the model sees the caption "
        "separator instead.", label="Secondary separator", advanced=True,
    )
    weighted_captions: bool = setting(
        False, "Read (word:1.3) and [word] in captions as weights, as in prompts.", label="Weighted captions",
        advanced=True,
    )

"""Settings of the tool that fetches a tagger or a captioner from Hugging Face."""

from __future__ import annotations

from typing import Literal

from train_core.config.job import Tool
from train_core.config.setting import Section, setting


class FetchModelSettings(Section, title="Fetch a model"):
    model_to_fetch: Literal["wd-vit-tagger-v3", "blip-large", "git-large-textcaps", "florence-2-base"] = setting(
        "wd-vit-tagger-v3", "wd-vit-tagger-v3 writes tags, for drawings above all (0.4 GB). The others write "
        "sentences: blip-large (1.9 GB), git-large-textcaps (1.6 GB), florence-2-base (0.5 GB).", label="Model",
    )  # fmt: skip
    fetch_to: str = setting(
        "", "The folder for its files; empty makes one in Crucible's home. Files that are there are not fetched again.",
        label="Save to", path="output",
    )


class FetchModel(Tool, name="fetch_model"):
    """A tagger or captioner from Hugging Face, or from the mirror that HF_ENDPOINT names. No other tool goes there."""

    fetch_model: FetchModelSettings = FetchModelSettings()

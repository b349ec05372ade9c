"""The words that call up what an adapter has learnt, and what its file says of itself for other programs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.untrusted import json_of

REPEATS = re.compile(r"^\d+_")


def trigger_words(metadata: Mapping[str, str]) -> str:
    """The words that trigger what was learnt: as stated in the file, else, of each image folder, the tags with which
    all its captions begin, or its name where there are no captions. "" where none are known."""
    stated = metadata.get("modelspec.trigger_phrase", "")
    captioned = metadata_table(metadata, "ss_tag_frequency")
    folders = metadata_table(metadata, "ss_dataset_dirs")
    words = [
        word
        for folder, its in folders.items()
        for word in (
            _opening(captioned[folder], its.get("img_count")) if captioned.get(folder)
            else [REPEATS.sub("", Path(folder).name)]
        )
    ]
    return stated or ", ".join(dict.fromkeys(words))


def _opening(tags: Mapping[str, Any], images: Any) -> list[str]:
    """The first of a folder's `tags` that all its `images` have; the tags stand in the order of the first caption."""
    return [tag.strip() for tag in itertools.takewhile(lambda tag: tags[tag] == images, tags)]


def metadata_table(metadata: Mapping[str, str], name: str) -> dict[str, dict[str, Any]]:
    """A table that metadata hold as JSON; empty where there is none that can be read."""
    try:
        found = json_of(metadata.get(name, "{}"))
    except ValueError:
        return {}
    return {key: its for key, its in found.items() if isinstance(its, dict)} if isinstance(found, dict) else {}

"""The words that call up what an adapter has learnt, and what its file says of itself for other programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.untrusted import json_of

REPEATS = re.compile(r"^\d+_")


def trigger_words(metadata: Mapping[str, str]) -> str:
    """The words that trigger what was learnt: as stated in the file, else from the names of its image folders."""
    stated = metadata.get("modelspec.trigger_phrase", "")
    folders = metadata_table(metadata, "ss_dataset_dirs")
    return stated or ", ".join(dict.fromkeys(REPEATS.sub("", Path(folder).name) for folder in folders))


def metadata_table(metadata: Mapping[str, str], name: str) -> dict[str, dict[str, Any]]:
    """A table that metadata hold as JSON; empty where there is none that can be read."""
    try:
        found = json_of(metadata.get(name, "{}"))
    except ValueError:
        return {}
    return {key: its for key, its in found.items() if isinstance(its, dict)} if isinstance(found, dict) else {}

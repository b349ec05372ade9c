"""The file of DeepDanbooru as the WebUI has it: weights, and within it the list of its tags."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

from train_core.config.existing import is_file
from train_core.config.phrases import phrase
from train_core.config.untrusted import NotReadable
from train_core.facts.images.image_files import content_hashes
from train_core.facts.models.pickles import walk_pickle
from train_core.studio.tagging.wd_files import GENERAL, RATING, Tagger, broken

FILE = "model-resnet_custom_v3.pt"
THRESHOLD = 0.5
RATINGS = "rating:"  # how the tags begin that are no tags
CONTENTS = "/data.pkl"
# What reading an archive raises that is damaged, encrypted or packed otherwise.
BROKEN = (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)


def read_deepdanbooru(folder: Path) -> Tagger | None:
    """The tagger in `folder`, whose weights are not loaded yet; None where it is not there. Raises UserError."""
    path = folder / FILE
    if not is_file(path):
        return None
    try:
        tags = tags_in(path)
    except BROKEN as error:
        raise broken(path, error) from error
    categories = tuple(RATING if tag.startswith(RATINGS) else GENERAL for tag in tags)
    return Tagger("DeepDanbooru", path, content_hashes([path])[path], tags, categories, THRESHOLD)


def tags_in(path: Path) -> tuple[str, ...]:
    """The tags in the file, of which nothing is run. Raises one of `BROKEN`."""
    with zipfile.ZipFile(path) as archive:
        name = next((name for name in archive.namelist() if name.endswith(CONTENTS)), None)
        if name is None:
            raise _without_tags()
        with archive.open(name) as stream:
            root: Any = walk_pickle(stream).root
    tags = root.get("tags") if isinstance(root, dict) else None
    if not isinstance(tags, list) or not tags or not all(isinstance(tag, str) for tag in tags):
        raise _without_tags()
    return tuple(tags)


def _without_tags() -> NotReadable:
    return NotReadable(phrase("deepdanbooru_without_tags", "it has no list of tags"))

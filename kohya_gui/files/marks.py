"""Whether what a path names is there and of the right sort, told at once by a tick or a cross beside its field."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

from kohya_gui.files.browsing import FOLDERS, MODEL_SIGNS
from kohya_gui.files.reach import Reach
from train_core.config.existing import exists, is_dir, is_file
from train_core.config.paths import HUB_ID, LAST_STATE, ONE_OF, PROMPT_FILE, clean_value
from train_core.config.setting import PathKind

_WRITTEN: tuple[PathKind, ...] = ("output", "result")


class Mark(NamedTuple):
    """`sign`: fine, fine but not there yet, or wrong; `code` says what of it, as `ui.path.CODE`."""

    sign: Literal["ok", "new", "bad"]
    code: str


def mark_of(kind: PathKind, value: Any, reach: Reach) -> Mark | None:
    """The mark of a field's `value`; None for what is no path, or is not for this page to look at."""
    cleaned = clean_value(kind, value)
    if kind in ONE_OF:
        marks = [mark for line in cleaned or [] if line and (mark := mark_of(ONE_OF[kind], line, reach))]
        return next((mark for mark in marks if mark.sign == "bad"), marks[0] if marks else None)
    if not isinstance(cleaned, str) or not _is_path(kind, cleaned):
        return None
    path = reach.find(cleaned)
    if path is None or (kind == "file" and HUB_ID.fullmatch(cleaned) and not exists(path)):
        return None
    if kind in _WRITTEN:
        return _written(kind, path)
    return _read(kind, path)


def _is_path(kind: PathKind, text: str) -> bool:
    """Whether `text` is a path: some settings take other words too."""
    if not text.strip():
        return False
    if kind == "state":
        return text.lower() != LAST_STATE
    if kind == "layers":
        return text.lower().endswith(".toml")
    if kind == "image":
        return not text.startswith("data:")
    return kind != "prompts" or bool(PROMPT_FILE.fullmatch(text))


def _read(kind: PathKind, path: Path) -> Mark:
    """The mark of something that has to be there."""
    if is_dir(path):
        as_model = kind == "file" and any(is_file(path / sign) for sign in MODEL_SIGNS)
        return Mark("ok", "folder") if kind in FOLDERS or as_model else Mark("bad", "is_folder")
    if not is_file(path):
        return Mark("bad", "missing")
    return Mark("bad", "is_file") if kind in FOLDERS else Mark("ok", "file")


def _written(kind: PathKind, path: Path) -> Mark:
    """The mark of a place that something will be written to."""
    if kind == "output" and is_dir(path):
        return Mark("ok", "folder") if os.access(path, os.W_OK) else Mark("bad", "read_only")
    if exists(path):
        return Mark("bad", "is_file") if kind == "output" else Mark("bad", "is_folder" if is_dir(path) else "taken")
    above = next((one for one in path.parents if exists(one)), path)
    if not is_dir(above) or not os.access(above, os.W_OK):
        return Mark("bad", "read_only")
    too_long = any(len(os.fsencode(name)) > 255 for name in path.parts)
    return Mark("bad", "missing") if too_long or re.search(r"[\0\r\n]", str(path)) else Mark("new", "new")

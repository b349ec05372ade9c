"""Paths as people paste them: without quotes, blanks and `file://` around them; and those of another system."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

# Explorer's property pages put invisible marks of writing direction in front of paths that are copied from them.
_BLANK = " \t\r\n\v\f\u3000\xa0\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_QUOTES = ('""', "''", "“”", "‘’", "＂＂", "「」", "``")
_FILE_URL = re.compile(r"file:(//(localhost(?=/))?)?", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def clean_path(text: str) -> str:
    """The path that `text` names, as it was before it was copied: Windows' *Copy as path* quotes it, browsers and file
    managers write it as a `file://` address, and blanks come along."""
    before, path = "", text
    while path != before:
        before, path = path, path.strip(_BLANK)
        if len(path) > 1 and path[0] + path[-1] in _QUOTES:
            path = path[1:-1]
    address = _FILE_URL.match(path)
    return _of_address(unquote(path[address.end() :]), bool(address[1])) if address else path


def _of_address(rest: str, with_host: bool) -> str:
    """The path of a `file:` address without its beginning."""
    if _DRIVE.match(rest.lstrip("/")):
        return rest.lstrip("/")
    return f"//{rest}" if with_host and rest[:1] not in ("/", "\\", "") else rest


def system_of(path: str, on_windows: bool = os.name == "nt") -> str | None:
    """The system that `path` is of where it is not this one: "Windows", or "Linux/macOS"; None for one of ours."""
    if not on_windows:
        return "Windows" if _DRIVE.match(path) or path.startswith("\\\\") else None
    top = re.match(r"/[^/\\]+", path)
    return "Linux/macOS" if top and not Path(top[0]).exists() else None


def seen_from_wsl(path: str) -> Path | None:
    """Where Linux on Windows shows the file or folder `path` of Windows, if it is there."""
    if not _DRIVE.match(path):
        return None
    place = Path("/mnt", path[0].lower(), *path[3:].replace("\\", "/").split("/"))
    return place if place.exists() else None

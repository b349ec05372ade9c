"""Names and paths that Windows refuses, known without trying them: a trial may write to a device or a hidden stream."""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import PureWindowsPath

from train_core.config.phrases import Phrase, phrase

RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]')
LONGEST_PATH = 259 - 19  # a file is first written under a name that is 18 letters longer


def refused_name(name: str) -> Phrase | None:
    """The reason why Windows has no file or folder `name`, or None."""
    letter = FORBIDDEN.search(name)
    if letter:
        return phrase("windows_forbids_letter", "Windows allows no {letter} in names", letter=letter.group())
    if RESERVED.fullmatch(name):
        return phrase("windows_reserves_name", "Windows keeps the name {name} for a device", name=name)
    return None


def refused_path(path: str, long_paths: bool) -> Phrase | None:
    """The reason why Windows has no file with the absolute path `path`, or None; `long_paths`: they are turned on."""
    parts = PureWindowsPath(path).parts[1:]
    refused = next((reason for name in parts if (reason := refused_name(name) or _not_kept(name))), None)
    if refused is None and len(path) > LONGEST_PATH and not long_paths:
        return phrase(
            "path_too_long",
            "the path has {count} letters, and Windows allows {limit} unless long paths are turned on",
            count=len(path), limit=LONGEST_PATH,
        )
    return refused


def _not_kept(name: str) -> Phrase | None:
    """The reason why Windows would not give a file or folder the whole `name`, or None.

    It leaves out the end when it creates a folder, but not when it looks for what lies in it.
    """
    if name == ".." or name[-1] not in ". ":
        return None
    return phrase("windows_drops_end", "Windows drops dots and spaces at the end of a name, as in '{name}'", name=name)


def refused_here(path: str) -> Phrase | None:
    """The reason why this system, if it is Windows, has no file with the absolute path `path`, or None."""
    return refused_path(path, _has_long_paths()) if sys.platform == "win32" else None


def _has_long_paths() -> bool:
    """Whether long paths are turned on; Windows before 1607, which does not tell, has none that count here."""
    tell = getattr(ctypes.WinDLL("ntdll"), "RtlAreLongPathsEnabled", None)  # type: ignore[attr-defined,unused-ignore]
    return tell is None or bool(tell() & 0xFF)

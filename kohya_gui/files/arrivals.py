"""Where a file that comes in from elsewhere belongs in a folder of images, by the name that it came with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from train_core.config.file_names import refused_name
from train_core.config.phrases import Phrase, phrase
from train_core.facts.datasets.layout import looks_like_regularisation
from train_core.facts.images.image_files import IMAGE_ENDINGS

CAPTIONS = (".txt", ".caption")
ENDINGS = frozenset({*IMAGE_ENDINGS, *CAPTIONS, ".json", ".jsonl"})
ZIP = ".zip"
LONGEST_NAME = 200  # bytes, which leaves room for a number and for temporary names
_NUMBERED = re.compile(r"\d{1,5}_.*\S.*")
_MASKS = ("mask", "masks")
_LITTER = ("thumbs.db", "desktop.ini", "__macosx")  # what systems leave in folders


class Unfit(Exception):  # noqa: N818 - it says why a file is not taken
    """Why a file is not taken; `reason` can be said in every language."""

    def __init__(self, reason: Phrase) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Place:
    """A file's place below the folder of all images; files of one `kin` belong together: an image and its caption."""

    path: PurePosixPath
    kin: tuple[str, ...]


def place_of(name: str, subset: str | None) -> Place | None:
    """The place of the file called `name`, which may have folders in front; None for what systems leave in folders.

    Folders called `<repeats>_<name>`, masks and regularisation images stay apart; everything else goes to `subset`.
    None keeps all folders as they are.
    Raises `Unfit` for a name that leads out of its folder or is none, and for files of other kinds.
    """
    written = name.replace("\\", "/")
    parts = [part for part in written.split("/") if part not in ("", ".")]
    if written.startswith("/") or re.match(r"[A-Za-z]:", written) or ".." in parts or not parts:
        raise Unfit(phrase("upload_leads_out", "its name leads out of the folder"))
    if any(part.startswith(".") or part.lower() in _LITTER for part in parts):
        return None
    for part in parts:
        _check(part)
    if PurePosixPath(parts[-1]).suffix.lower() not in ENDINGS:
        raise Unfit(phrase("upload_other_kind", "only pictures, captions and metadata are taken"))
    *folders, last = parts
    if subset is None:
        return Place(PurePosixPath(*parts), (*folders, PurePosixPath(last).stem.lower()))
    marked = [folder for folder in folders if not _means_something(folder)]
    return Place(PurePosixPath(*_kept(folders, subset), last), (*marked, PurePosixPath(last).stem.lower()))


def check_name(name: str) -> None:
    """Raise `Unfit` if no folder can have this name on every system."""
    if "/" in name or "\\" in name:
        raise Unfit(phrase("upload_slash", "a / or \\ cannot stand in a folder's name"))
    if not name.strip(" .") or name.startswith("."):
        raise Unfit(phrase("upload_no_name", "this is no name for a file"))
    _check(name)


def _check(part: str) -> None:
    refused = refused_name(part)
    if refused is not None:
        raise Unfit(refused)
    try:
        length = len(part.encode())
    except UnicodeEncodeError:
        raise Unfit(phrase("upload_no_name", "this is no name for a file")) from None
    if part[-1] in ". " or length > LONGEST_NAME or not part.isprintable():
        raise Unfit(phrase("upload_no_name", "this is no name for a file"))


def _kept(folders: Sequence[str], subset: str) -> tuple[str, ...]:
    """The folders that say what the pictures in them are."""
    numbered = next((folder for folder in reversed(folders) if _NUMBERED.fullmatch(folder)), None)
    if folders and folders[-1].lower() in _MASKS:
        return ("masks",)
    if any(looks_like_regularisation(Path(folder)) for folder in folders):
        return ("reg", numbered or f"1_{subset.partition('_')[2]}")
    return (numbered or subset,)


def _means_something(folder: str) -> bool:
    numbered = _NUMBERED.fullmatch(folder) is not None
    return numbered or folder.lower() in _MASKS or looks_like_regularisation(Path(folder))

"""Copies of captions as they were before the Data tab changed them for the first time, in zip files with a date."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from train_core.config.existing import exists
from train_core.config.whole_files import write_whole

FOLDER = "captions-before"


class Backups:
    """The copies of one dataset's captions, each under its path below the dataset's folder."""

    def __init__(self, dataset: Path, sources: Sequence[Path]) -> None:
        self._folder = dataset / FOLDER
        self._sources = tuple(sources)
        self._kept: set[str] | None = None

    def keep(self, texts: Iterable[tuple[Path, str]]) -> None:
        """Copy the texts of caption files of which there is no copy yet. Raises OSError."""
        if self._kept is None:
            self._kept = {name for archive in sorted(self._folder.glob("*.zip")) for name in _names(archive)}
        new = {name: text for path, text in texts if (name := self._name(path)) not in self._kept}
        if not new:
            return
        with (
            write_whole(self._free_place(), durable=True) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            for name, text in new.items():
                archive.writestr(name, text.encode("utf-8", "surrogateescape"))
        self._kept |= new.keys()

    def _name(self, path: Path) -> str:
        source = next((one for one in self._sources if path.is_relative_to(one)), path.parent)
        named = path.relative_to(source).as_posix().encode("utf-8", "surrogateescape")
        name = named.decode("utf-8", "backslashreplace")  # a zip file has no place for halves of characters
        return name if source == self._sources[0] else f"{_folder_name(source)}/{name}"

    def _free_place(self) -> Path:
        stem = f"{datetime.now():%Y-%m-%d %H%M%S}"
        number = 1
        while exists(place := self._folder / (f"{stem}.zip" if number == 1 else f"{stem} {number}.zip")):
            number += 1
        return place


def _folder_name(source: Path) -> str:
    """A name of its own for a folder that was added, whichever others there are."""
    said = str(source).encode("utf-8", "surrogateescape")
    return f"+{hashlib.blake2b(said, digest_size=4).hexdigest()}"


def _names(archive: Path) -> list[str]:
    """The names in a zip file; none for one that is damaged, so that what it held is copied again."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return []

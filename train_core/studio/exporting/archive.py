"""The zip file of an export: what is to be trained on, without the list of where it came from."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # so that the same files give the same zip


def write_archive(path: Path, folder: Path, places: Iterable[str]) -> None:
    """Write the files at these places below `folder` as a zip; pictures are stored as they are. Raises OSError."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for place in places:
            archive.writestr(zipfile.ZipInfo(place, FIRST_DAY), (folder / place).read_bytes())

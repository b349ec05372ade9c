"""What other programs ask of pickles before they read them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

ENTRIES = re.compile(r"[^/]+/(data/\d+|version|data\.pkl)")


def read_by_a1111(path: Path) -> bool:
    """Whether the archive at `path` has no entry that A1111 refuses, in any of its versions."""
    with zipfile.ZipFile(path) as archive:
        return all(ENTRIES.fullmatch(name) for name in archive.namelist())

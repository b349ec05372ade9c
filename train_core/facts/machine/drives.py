"""Space on drives."""

from __future__ import annotations

import shutil
from pathlib import Path


def free_space(folder: str) -> int | None:
    """Bytes that are free where `folder` is or will be; None for no folder, and for a drive that is not there."""
    if not folder.strip():
        return None
    path = Path(folder).expanduser().absolute()
    for one in (path, *path.parents):
        try:
            return shutil.disk_usage(one).free
        except OSError:
            continue  # not there yet: its parent's drive counts
    return None

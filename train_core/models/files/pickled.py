"""Writing the pickles of tensors that A1111 reads (`.pt`): whole or not at all, and the same each time."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from train_core.models.files.writing import write_result

# A1111 refuses archives with other entries; later versions of torch add some, which reading does not need.
READ_BY_ALL = ("data.pkl", "version")
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def write_pickled(path: Path, contents: Mapping[Any, Any]) -> None:
    """Write `contents`, plain values and tensors within dicts, lists and tuples. UserError where that fails."""
    buffer = BytesIO()
    torch.save(dict(contents), buffer)
    with (
        zipfile.ZipFile(buffer) as made, write_result(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):  # fmt: skip
        for entry in made.infolist():
            name = entry.filename.partition("/")[2]
            if name in READ_BY_ALL or name.startswith("data/"):
                archive.writestr(zipfile.ZipInfo(entry.filename, LONG_AGO), made.read(entry))

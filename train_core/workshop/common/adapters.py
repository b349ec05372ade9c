"""Adapter files as the tools open them."""

from __future__ import annotations

from pathlib import Path

from train_core.networks.files.reading import AdapterFile, read_adapter
from train_core.workshop.common.report import Report


def open_adapter(path: str, report: Report) -> AdapterFile:
    """The adapter in the file at `path`; what is remarkable about it is reported. Raises `UserError` if it is none."""
    file = read_adapter(Path(path))
    for remark in file.remarks:
        report.warning(remark)
    return file

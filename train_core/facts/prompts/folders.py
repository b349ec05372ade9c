"""The files in folders that settings name."""

from __future__ import annotations

import os
from pathlib import Path

from train_core.config.existing import is_dir
from train_core.config.problems import UserError, cause_of, problem


def files_in(folder: Path, name: str) -> list[Path]:
    """All files in `folder`, which the setting `name` has, and in the folders within. Raises UserError where one cannot
    be read."""
    if not is_dir(folder):
        raise UserError(
            problem(
                "network_folder_missing",
                "{name}: there is no folder {folder}. Correct the path, or remove the line.",
                name=name, folder=str(folder),
            )
        )

    def fail(error: OSError) -> None:
        raise UserError(
            problem(
                "network_folder_unreadable",
                "{name}: {folder} cannot be read ({reason}). Choose another folder, or give yourself access.",
                name=name, folder=str(folder), reason=cause_of(error),
            )
        ) from error

    return sorted(Path(place, file) for place, _, files in os.walk(folder, onerror=fail) for file in files)

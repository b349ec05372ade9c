"""What a result that is a folder says of itself beside its weights: its metadata, and the files that belong to it.

Diffusers reads no file of this name; in one that holds tensors, both stand in its header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from train_core.config.existing import is_dir, is_file
from train_core.config.problems import UserError
from train_core.config.tables import read_text
from train_core.config.untrusted import json_of

NOTES = "crucible.json"


@dataclass(frozen=True)
class FolderNotes:
    """Metadata as in a safetensors file, and the paths of all files within the folder, itself included."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()


def write_notes(folder: Path, metadata: Mapping[str, str]) -> None:
    """Write the notes of a folder that is otherwise complete. Raises OSError."""
    (folder / NOTES).touch()
    files = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())
    said = {"metadata": dict(sorted(metadata.items())), "files": files}
    (folder / NOTES).write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def read_notes(folder: Path) -> FolderNotes:
    """The notes in `folder`, without paths that lead out of it; empty where there are none or they are damaged."""
    if not is_dir(folder) or not is_file(folder / NOTES):
        return FolderNotes()
    try:
        return notes_in(read_text(folder / NOTES))
    except (UserError, OSError, ValueError):
        return FolderNotes()


def notes_in(text: str) -> FolderNotes:
    """The notes that `text` is. Raises ValueError where it is none."""
    said = json_of(text)
    metadata, files = (said.get(name) for name in ("metadata", "files")) if isinstance(said, dict) else (None, None)
    if not isinstance(metadata, dict) or not isinstance(files, list):
        raise ValueError("no notes of a folder")
    inside = (one for one in files if isinstance(one, str) and _stays_inside(one))
    return FolderNotes({str(name): str(value) for name, value in metadata.items()}, tuple(dict.fromkeys(inside)))


def _stays_inside(name: str) -> bool:
    steps = name.split("/")
    return all(step not in ("", ".", "..") and not set(step) & set('\\:\0') for step in steps)

"""The files that a run has written, as the list in its folder says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from train_core.facts.run.folder_results import NOTES, read_notes
from train_core.facts.run.states import INFO, PARTS, TENSORS

Kind = Literal["settings", "epoch", "step", "asked", "final", "epoch state", "step state", "asked state", "final state"]
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Written:
    """One file, or the folder of a state. "asked" ones were requested by hand and are kept whatever the settings."""

    path: str
    kind: Kind
    step: int
    epoch: int


def read_written(run_dir: Path) -> list[Written]:
    """What the run in `run_dir` has written; nothing if it has no list or a damaged one."""
    try:
        rows = json.loads((run_dir / MANIFEST).read_text(encoding="utf-8"))
        return [Written(str(path), _kind(kind), int(step), int(epoch)) for path, kind, step, epoch in rows]
    except (OSError, ValueError, TypeError, RecursionError):
        return []


def _kind(read: object) -> Kind:
    """The kind that was `read`. Raises `ValueError` for what is none."""
    for kind in get_args(Kind):
        if kind == read:
            return kind
    raise ValueError(read)


def remove_written(path: Path) -> None:
    """Remove a file, or a folder with the files that a state has or that a result's notes name; what else lies in it
    stays, and so it."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    (path / INFO).unlink(missing_ok=True)  # first, so that half a state is none
    own = read_notes(path).files
    for name in (PARTS, TENSORS, *own, *([NOTES] if own else [])):
        (path / name).unlink(missing_ok=True)
    inner = {parent for name in own for parent in (path / name).parents if path in parent.parents}
    for folder in (*sorted(inner, key=lambda one: -len(one.parts)), path):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

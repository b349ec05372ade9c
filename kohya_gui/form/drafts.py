"""Drafts of forms, kept on the server for each user, so that a reload or a login loses nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.places import home
from train_core.config.problems import Problem, cause_of, problem
from train_core.config.whole_files import write_text

_not_kept: set[Path] = set()  # drafts that could not be written the last time, which has been told


def load_draft(user: str) -> dict[str, Any]:
    """The values that `user` last had in the form, by setting name; empty when there are none."""
    try:
        values = json.loads(_path(user).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def save_draft(user: str, values: Mapping[str, Any]) -> Problem | None:
    """Keep `values`, the whole form, for `user`. Returns why that failed, if the time before it had not."""
    path = _path(user)
    try:
        write_text(path, json.dumps(dict(values), ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        if path in _not_kept:
            return None
        _not_kept.add(path)
        return problem(
            "draft_not_kept",
            "What you enter cannot be kept for the next time that this page is opened: {file} could not be written "
            "({reason}). Free some space on the drive, or set CRUCIBLE_HOME to another folder.",
            file=str(path), reason=cause_of(error),
        )
    _not_kept.discard(path)
    return None


def _path(user: str) -> Path:
    # A user's name may hold anything, and two names may differ in nothing a file system sees.
    return home() / "drafts" / f"{hashlib.sha256(user.encode('utf-8')).hexdigest()[:32]}.json"

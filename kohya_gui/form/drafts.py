"""Drafts of forms, kept on the server for each user, so that a reload or a login loses nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.places import home
from train_core.config.whole_files import write_text


def load_draft(user: str) -> dict[str, Any]:
    """The values that `user` last had in the form, by setting name; empty when there are none."""
    try:
        values = json.loads(_path(user).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def save_draft(user: str, values: Mapping[str, Any]) -> None:
    """Keep `values`, the whole form, for `user`."""
    write_text(_path(user), json.dumps(dict(values), ensure_ascii=False, indent=1) + "\n")


def _path(user: str) -> Path:
    # A user's name may hold anything, and two names may differ in nothing a file system sees.
    return home() / "drafts" / f"{hashlib.sha256(user.encode('utf-8')).hexdigest()[:32]}.json"

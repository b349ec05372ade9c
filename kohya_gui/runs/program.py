"""This copy of the program: its version, and whether there is a newer one."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version

from kohya_gui.environment.folder import APP

SECONDS = 10
NUMBER = re.compile(r'^\s*version="([^"]+)"', re.MULTILINE)


def version_here() -> str:
    """Number, and for a git clone its commit and that commit's day: `0.1.0 · 1a2b3c4 · 2026-11-20`."""
    return " · ".join(part for part in (_number(), *_commit()) if part)


def _number() -> str:
    try:
        return NUMBER.findall((APP / "setup.py").read_text(encoding="utf-8"))[0]
    except (OSError, IndexError):  # installed as a package
        pass
    try:
        return version("crucible-trainer")
    except PackageNotFoundError:
        return ""


def _commit() -> list[str]:
    git = shutil.which("git") if (APP / ".git").exists() else None
    if git is None:
        return []
    try:
        done = subprocess.run(
            [git, "-C", str(APP), "log", "-1", "--format=%h %cs"], capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode("utf-8", "replace").split() if done.returncode == 0 else []

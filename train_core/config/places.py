"""Locations of the program's own files and the user's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from train_core.config.clean_paths import clean_path

PACKAGE_PARENT = Path(__file__).resolve().parents[2]


def app_dir() -> Path:
    """The program's folder with `presets/`, `demo/` and the guides: a checkout, or what pip has installed."""
    installed = PACKAGE_PARENT / "kohya_gui" / "_app"
    return installed if installed.is_dir() else PACKAGE_PARENT


def real_path(path: Path) -> Path:
    """`path` from the root on, with links followed, which Windows cannot do on every drive nor for every long path."""
    try:
        return path.resolve()
    except OSError:
        return path.absolute()


def home() -> Path:
    """The user's place for Crucible: `CRUCIBLE_HOME`, else the system's folder for application data."""
    chosen = os.environ.get("CRUCIBLE_HOME")
    if chosen:
        return real_path(Path(clean_path(chosen)).expanduser())
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Crucible"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Crucible"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "crucible"


def runs_dir() -> Path:
    """One folder per job, newest name last."""
    return home() / "runs"


def tools_dir() -> Path:
    """One folder for each time that a tool was used from the page, newest name last."""
    return home() / "tools"


def evaluations_dir() -> Path:
    """One folder for each grid of pictures that was drawn from the page."""
    return home() / "evaluations"


def caches_dir() -> Path:
    """Latents and hashes; may be deleted at any time between runs."""
    return home() / "caches"


def presets_dir() -> Path:
    """The user's own presets."""
    return home() / "presets"


def program_presets_dir() -> Path:
    """The presets that come with the program."""
    return app_dir() / "presets"


def datasets_dir() -> Path:
    """One folder for each set of pictures that was opened on the Data tab: decisions on them, never the pictures."""
    return home() / "datasets"

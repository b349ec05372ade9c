"""The tiers of the tests: which test belongs to which, told by its folder or by a mark of its own."""

from __future__ import annotations

from pathlib import PurePath

TIERS = {
    "fast": "neither trains nor starts a browser or a set-up: under two minutes in all",
    "jobs": "runs whole jobs, real processes or the demo's models",
    "browser": "drives the page in a real Chromium",
    "slow": "takes minutes each: long fuzzing, kills over a whole run, Windows; left out unless asked for",
}
PLACES = {  # folders and files
    "tests/gui": "browser",
    "tests/demo": "jobs",
    "tests/samples": "jobs",
    "tests/scripts": "jobs",
    "tests/train_core/jobs": "jobs",
    "tests/train_core/methods/test_new_methods.py": "jobs",
    "tests/train_core/methods/test_whole.py": "jobs",
    "tests/train_core/models/test_fitting.py": "jobs",
    "tests/train_core/sampling/test_draw_families.py": "jobs",
    "tests/train_core/workshop": "jobs",
    "tests/kohya_gui/runs": "jobs",
    "tests/kohya_gui/server": "jobs",
    "tests/kohya_gui/environment": "jobs",
    "tests/windows": "slow",
}


def tier_of(path: PurePath, marks: set[str]) -> str:
    """The tier of a test in `path`, relative to the program's folder: its mark's, else its place's, else `fast`."""
    own = marks & TIERS.keys()
    if own:
        return own.pop()
    places = {place.as_posix() for place in (path, *path.parents)}
    return next((tier for place, tier in PLACES.items() if place in places), "fast")

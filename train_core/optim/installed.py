"""Packages that are installed, as against modules that merely lie where Python would look for them."""

from __future__ import annotations

import importlib.util
import site
import sysconfig
from pathlib import Path


def lies_elsewhere(module: str) -> bool:
    """Whether importing `module` would take it from somewhere else than an installed package; False if nowhere.

    Python also looks in the working folder and in those of PYTHONPATH, where a file that came with somebody's settings
    or images could stand. Asked of the outermost package alone, since asking for others already runs its code.
    """
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):  # no name at all, or that of a module without a spec, such as __main__
        return True
    if spec is None:
        return False
    places = [*([spec.origin] if spec.has_location and spec.origin else []), *(spec.submodule_search_locations or [])]
    folders = _package_folders()
    return not places or not all(_is_within(Path(place), folders) for place in places)


def _package_folders() -> list[Path]:
    """The folders of installed packages, and those that packages installed for editing name in `.pth` files."""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    # Windows also names the folder of Python itself.
    found = [Path(folder) for folder in folders if Path(folder).name in ("site-packages", "dist-packages")]
    lines = [
        line
        for folder in found
        for file in folder.glob("*.pth")
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    return [*found, *(Path(line) for line in lines if Path(line).is_absolute())]


def _is_within(place: Path, folders: list[Path]) -> bool:
    """Whether `place` is in one of `folders` by its name, or in truth: packages may be linked from elsewhere."""
    return any(
        place.is_relative_to(folder) or place.resolve().is_relative_to(folder.resolve()) for folder in folders
    )

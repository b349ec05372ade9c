"""What lies in a folder, for completing a path and for picking one: folders, files of the right sort, pictures."""

from __future__ import annotations

import os
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from kohya_gui.files.arrivals import Unfit, check_name
from kohya_gui.files.reach import Reach
from train_core.config.existing import is_dir, is_file
from train_core.config.places import home
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.setting import PathKind
from train_core.facts.images.image_files import IMAGE_ENDINGS, is_image

MAX_PATHS = 200  # that are offered while one is typed
MAX_ENTRIES = 500  # that are listed of one folder; the filter finds the others
MOST_COUNTED = 5000  # entries of a folder that are looked at for its pictures

_WEIGHTS = (".safetensors", ".ckpt", ".pt")
_EMBEDDINGS = (".safetensors", ".pt", ".bin", ".png", ".webp")
# The files that are offered for a path, by its kind.
OFFERED: dict[PathKind, tuple[str, ...]] = {
    "file": _WEIGHTS, "data": (".toml", ".json", ".jsonl"), "yaml": (".yaml", ".yml"),
    "image": (".png", ".jpg", ".jpeg", ".webp"), "adapter": _WEIGHTS, "adapters": _WEIGHTS, "layers": (".toml",),
    "embedding": _EMBEDDINGS, "embeddings": _EMBEDDINGS,
    "onnx": (".onnx",), "video": (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v"),
    "result": (".safetensors", ".ckpt"), "prompts": (".txt", ".toml", ".json"),
}  # fmt: skip
FOLDERS: tuple[PathKind, ...] = ("folder", "output", "state")  # kinds of paths that name a folder
MODEL_SIGNS = ("model_index.json", "config.json")  # by which a folder is a model's in the format of diffusers


@dataclass(frozen=True)
class Entry:
    """A folder or a file that is listed. `pictures` are those directly in a folder, None for a file."""

    path: Path
    pictures: int | None = None
    size: int = 0  # bytes of a file


@dataclass(frozen=True)
class Listing:
    """The contents of `folder`: folders first, by name. `more` are left out; `pictures` lie in it directly."""

    folder: Path
    entries: tuple[Entry, ...]
    more: int
    pictures: int
    is_model: bool


def listing(folder: Path, endings: Collection[str], match: str = "") -> Listing:
    """The folders in `folder`, and its files with one of `endings`, whose names hold `match`. Raises `UserError`."""
    try:
        with os.scandir(folder) as found:
            entries = [one for one in found if not one.name.startswith(".") and match.lower() in one.name.lower()]
    except (OSError, ValueError) as error:
        raise UserError(
            problem(
                "folder_not_listed", "{folder} cannot be looked into: {reason}. Choose another folder.",
                folder=str(folder), reason=cause_of(error),
            )
        ) from error
    folders = sorted((one.name for one in entries if _is_dir(one)), key=str.lower)
    files = sorted(
        (one.name for one in entries if one.name.lower().endswith(tuple(endings)) and not _is_dir(one)), key=str.lower
    ) if endings else []
    listed = [(folder / name, True) for name in folders] + [(folder / name, False) for name in files]
    shown = tuple(
        Entry(path, pictures_in(path)) if is_folder else Entry(path, None, _size(path))
        for path, is_folder in listed[:MAX_ENTRIES]
    )
    is_model = any(is_file(folder / sign) for sign in MODEL_SIGNS)
    return Listing(folder, shown, max(0, len(listed) - MAX_ENTRIES), pictures_in(folder), is_model)


def nearest_folder(path: Path) -> Path:
    """`path` if it is a folder, else the closest one above it that is there."""
    return next((one for one in (path, *path.parents) if is_dir(one)), path)


def pictures_in(folder: Path) -> int:
    """How many pictures lie in `folder` directly, as far as it can be looked into; counted again once it changes."""
    try:
        return _count(str(folder), folder.stat().st_mtime_ns)
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=4096)
def _count(folder: str, _changed: int) -> int:
    with os.scandir(folder) as found:
        return sum(is_image(Path(one.name)) for one in islice(found, MOST_COUNTED))


def new_folder(parent: Path, name: str) -> Path:
    """Make a folder called `name` in `parent`. Raises `UserError` for what is no name on every system, or is there."""
    name = name.strip()
    try:
        check_name(name)
    except Unfit:
        raise UserError(
            problem(
                "folder_name_refused", "A folder cannot be called {name}. Use letters, digits, - and _.",
                name=name[:80] or "“”",
            )
        ) from None
    folder = parent / name
    try:
        folder.mkdir()
    except OSError as error:
        raise UserError(
            problem(
                "folder_not_made", "{folder} cannot be made: {reason}. Choose another name or another place.",
                folder=str(folder), reason=cause_of(error),
            )
        ) from error
    return folder


def places(reach: Reach) -> Sequence[Path]:
    """Folders to start from: the roots, or the user's own, Crucible's images and the drives."""
    if reach.roots is not None:
        found: Sequence[Path] = reach.roots
    else:
        drives = [Path(f"{letter}:\\") for letter in string.ascii_uppercase] if os.name == "nt" else [Path("/")]
        found = [Path.home(), home() / "data", *_mounts(), *drives]
    return [path for path in dict.fromkeys(found) if is_dir(path)]


def _mounts() -> list[Path]:
    """Where Linux and macOS show other drives, and rented machines their own."""
    return [] if os.name == "nt" else [Path("/workspace"), Path("/mnt"), Path("/media"), Path("/Volumes")]


def paths_below(typed: str, endings: Collection[str], reach: Reach) -> list[str]:
    """What may be meant by a path that is being typed: its folder's folders, and files with one of `endings`."""
    if not typed.strip():
        return [str(path) for path in reach.roots or (Path.home(),)]
    path = reach.find(typed)
    if path is None:
        return []
    folder = path if typed.rstrip("\"' ").endswith(("/", "\\")) else path.parent
    if reach.find(str(folder)) is None:
        return []
    try:
        entries = sorted(folder.iterdir(), key=lambda one: one.name.lower())
        shown = [one for one in entries if not one.name.startswith(".") and (one.is_dir() or _fits(one, endings))]
    except (OSError, ValueError):
        return []
    return [str(one) for one in shown[:MAX_PATHS]]


def picture_endings() -> tuple[str, ...]:
    """The endings of pictures that can be trained on."""
    return tuple(sorted(IMAGE_ENDINGS))


def _fits(path: Path, endings: Collection[str]) -> bool:
    return path.suffix.lower() in endings


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into a folder that may not be looked into
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

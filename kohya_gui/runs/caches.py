"""The caches: how large each of them is, and emptying one. What they hold is made anew when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import AT_WORK
from train_core.config.places import caches_dir
from train_core.config.problems import UserError, cause_of, problem

# The files that Crucible itself writes there; whatever else lies beside them is somebody's.
CACHES = {
    "latents": "latents/??/*.safetensors",
    "texts": "texts/??/*.safetensors",
    "hashes": "files.sqlite*",
    "thumbnails": "thumbnails/*.webp",
    "studio": "studio/??/*.jpg",
}


def cache_sizes() -> dict[str, int]:
    """Bytes of each cache."""
    return {name: sum(path.stat().st_size for path in _files(name)) for name in CACHES}


def clear_cache(name: str) -> int:
    """Delete the files of the cache called `name` and return their bytes.

    Raises `UserError` while a run may be reading it, and for files that cannot be deleted; the others are gone then.
    """
    if any(run.status in AT_WORK for run in list_runs()):
        raise UserError(problem("cache_in_use", "A run is at work and may be using the cache. Clear it afterwards."))
    freed, stuck = 0, ""
    for path in list(_files(name)):
        try:
            size = path.stat().st_size
            path.unlink()
            freed += size
        except OSError as error:
            stuck = f"{path}: {cause_of(error)}"
    if stuck:
        raise UserError(problem("cache_not_cleared", "Some files could not be deleted, such as {file}.", file=stuck))
    return freed


def _files(name: str) -> Iterator[Path]:
    """The files of a cache; none for a name that is no cache's."""
    pattern = CACHES.get(name)
    found = caches_dir().glob(pattern) if pattern else ()
    return (path for path in found if path.is_file() and not path.is_symlink())

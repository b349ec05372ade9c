"""Deleting a run with what it has written, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kohya_gui.runs.control import find_known
from kohya_gui.runs.exclusive import exclusive
from kohya_gui.runs.history.summary import summary_of
from kohya_gui.runs.launch import START
from kohya_gui.runs.queue.queue_file import load
from kohya_gui.runs.queue.queueing import remove_folder
from kohya_gui.runs.registry import ACTIVE, read_run
from train_core.config.problems import UserError, problem
from train_core.facts.run.run_folders import is_held, not_writable
from train_core.facts.run.written import read_written, remove_written

SAMPLES = "sample"  # name of the folder of sample pictures
TOLERANCE = 60.0  # seconds that the clocks of two drives may differ


@dataclass(frozen=True)
class Belongings:
    """What deleting a run removes, `bytes` large, and the files that stay since they were changed after the run."""

    folder: Path
    files: tuple[Path, ...]
    changed: tuple[Path, ...]
    bytes: int


def belongings(folder: Path) -> Belongings:
    """What the run in `folder` has written, as far as it is still there and unchanged."""
    until = _last_written(folder) + TOLERANCE
    own = folder.resolve()
    there = [path for path in _written(folder) if path.exists() and not path.resolve().is_relative_to(own)]
    kept = tuple(path for path in there if _newest(path) > until)
    files = tuple(path for path in there if path not in kept)
    return Belongings(folder, files, kept, sum(_size(path) for path in (*files, folder)))


def delete(run_id: str, with_files: bool) -> Belongings:
    """Delete the run's folder, and with `with_files` what else it has written. Returns what it found.

    Raises `UserError` while the run is at work or in the queue, and if something cannot be removed.
    """
    with exclusive(START):
        folder = find_known(run_id)
        _refuse_if_needed(folder)
        found = belongings(folder)
        if with_files:
            for path in found.files:
                try:
                    remove_written(path)
                except OSError as error:
                    raise not_writable(path.parent, error) from error
            _remove_empty({path.parent for path in found.files if path.parent.name == SAMPLES})
        remove_folder(folder)
    return found


def _refuse_if_needed(folder: Path) -> None:
    info = read_run(folder)
    if (info is not None and info.status in ACTIVE and info.status != "queued") or is_held(folder):
        raise UserError(
            problem("delete_running", "{name} is still running. Stop it first, then delete it.", name=folder.name)
        )
    if load().find(folder.name) is not None:
        raise UserError(
            problem("delete_waiting", "{name} waits in the queue. Take it out of the queue first.", name=folder.name)
        )


def _written(folder: Path) -> Iterator[Path]:
    """Everything that the run says it has written, each once. Regularisation images are for later runs, too."""
    listed = (folder / one.path for one in read_written(folder))
    pictures = (path for _, path in summary_of(folder).samples if path.parent.name == SAMPLES)
    yield from dict.fromkeys((*listed, *pictures))


def _last_written(folder: Path) -> float:
    """When the run wrote last, in Unix seconds."""
    try:
        return (folder / "events.jsonl").stat().st_mtime
    except OSError:
        return folder.stat().st_mtime


def _newest(path: Path) -> float:
    """When a file was written, or the newest one in a state's folder."""
    return max((one.lstat().st_mtime for one in _files_in(path)), default=0.0)


def _size(path: Path) -> int:
    return sum(one.lstat().st_size for one in _files_in(path))


def _files_in(path: Path) -> Iterable[Path]:
    if path.is_symlink() or not path.is_dir():
        return (path,)
    return (one for one in path.rglob("*") if one.is_symlink() or one.is_file())


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove the folders of sample pictures in which nothing is left."""
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

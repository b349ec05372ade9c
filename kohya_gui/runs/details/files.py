"""The files that may be downloaded from a run: those alone that it has written itself, each under a name of its own."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kohya_gui.runs.details.record import PICTURES, Record, record_of
from train_core.facts.run.folder_results import read_notes
from train_core.facts.run.run_folders import SETTINGS
from train_core.facts.run.written import read_written

OF_THE_RUN = (SETTINGS, "console.log", "events.jsonl", "notes.json")  # in its folder, for the archive


@dataclass(frozen=True)
class RunFile:
    """A file of a run, `bytes` large; `name` is that of the file, or numbered where the run has two of that name.

    A result that is a folder has `parts`, its files by their names within it.
    """

    name: str
    path: Path
    kind: str
    step: int
    bytes: int
    parts: Mapping[str, Path] = field(default_factory=dict)

    @property
    def entries(self) -> dict[str, Path]:
        """What is put into a zip for it, by the names there."""
        return {f"{self.name}/{part}": path for part, path in self.parts.items()} or {self.name: self.path}

    @property
    def is_result(self) -> bool:
        """Whether it holds what was learnt."""
        return self.kind != "settings"


def files_of(folder: Path, record: Record | None = None) -> list[RunFile]:
    """The results and the copies of the settings that the run in `folder` has written and that are still there."""
    found: dict[str, RunFile] = {}
    known: set[Path] = set()
    for path, kind, step in _named(folder, record or record_of(folder)):
        parts = parts_of(path)
        sizes = [size_of(one) for one in parts.values() or (path,)]
        if path not in known and None not in sizes:
            known.add(path)
            name = free_name(path.name, found)
            found[name] = RunFile(name, path, kind, step, sum(filter(None, sizes)), parts)
    return list(found.values())


def find_file(folder: Path, name: str) -> RunFile | None:
    """The file that the run in `folder` has written and that is called `name` among its files, or None."""
    return next((one for one in files_of(folder) if one.name == name), None)


def archive_of(folder: Path, with_states: bool) -> dict[str, Path]:
    """All files of the run by their name in its archive: results, sample pictures, and its folder's own in `run/`.

    Its states, from which it could be resumed and which are as large as all else together, only if they are wanted.
    """
    record = record_of(folder)
    found = {name: path for one in files_of(folder, record) for name, path in one.entries.items()}
    drawn = (Path(one.path) for one in record.samples)
    found |= {f"sample/{path.name}": path for path in drawn if path.suffix.lower() in PICTURES}
    found |= {f"run/{name}": folder / name for name in OF_THE_RUN}
    if with_states:
        found |= {
            f"{path.name}/{one.name}": one for path in states_of(folder) for one in sorted(path.iterdir())
        }  # fmt: skip
    return {name: path for name, path in found.items() if size_of(path) is not None}


def states_of(folder: Path) -> list[Path]:
    """The folders of the run's states that are still there."""
    paths = (folder / one.path for one in read_written(folder) if one.kind.endswith("state"))
    return [path for path in dict.fromkeys(paths) if path.is_dir() and not path.is_symlink()]


def parts_of(path: Path) -> dict[str, Path]:
    """The files of a result that is a folder: those that its notes name and that are there; {} for anything else."""
    if path.is_symlink():
        return {}
    parts = {name: path / name for name in read_notes(path).files}
    return {name: one for name, one in parts.items() if size_of(one) is not None}


def size_of(path: Path) -> int | None:
    """Size in bytes of a regular file; None for anything else, links too, which no run has written."""
    try:
        state = path.lstat()
    except (OSError, ValueError):  # ValueError for a name that no file can have
        return None
    return state.st_size if stat.S_ISREG(state.st_mode) else None


def free_name(name: str, taken: dict[str, RunFile]) -> str:
    """`name`, or with a number before it where it is taken."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{number}-{name}"
    return found


def _named(folder: Path, record: Record) -> Iterator[tuple[Path, str, int]]:
    """Path, kind and step of each file that the run says it has written, by its list, else by its events."""
    listed = {folder / one.path: one for one in read_written(folder)}
    yield from ((path, one.kind, one.step) for path, one in listed.items() if not one.kind.endswith("state"))
    for one in record.saved:
        if Path(one.path) not in listed:
            yield Path(one.path), "final" if one.final else "step", one.step

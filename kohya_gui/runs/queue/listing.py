"""The runs of the queue as they are now: which wait, which run, which could not be started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kohya_gui.runs.process import recall
from kohya_gui.runs.queue.queue_file import Entry, Queue
from kohya_gui.runs.registry import AT_WORK, RunInfo, read_run
from train_core.config.places import runs_dir

# "ended" and "gone" ones are taken out of the queue by whoever runs it next.
Standing = Literal["waiting", "refused", "running", "ended", "gone"]


@dataclass(frozen=True)
class Listed:
    """A run in the queue and how it stands; `info` is None if its folder is gone."""

    entry: Entry
    standing: Standing
    info: RunInfo | None

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return runs_dir() / self.entry.run


def listed(queue: Queue) -> list[Listed]:
    """The runs of `queue`, in its order."""
    return [standing_of(entry) for entry in queue.entries]


def standing_of(entry: Entry) -> Listed:
    """The run of `entry`, and how it stands; told by its folder alone, so that a restart loses nothing."""
    folder = runs_dir() / entry.run
    info = read_run(folder)
    if info is None:
        return Listed(entry, "gone", None)
    if info.status in AT_WORK:
        return Listed(entry, "running", info)
    if latest_start(folder) != entry.before:
        return Listed(entry, "ended", info)
    return Listed(entry, "refused" if entry.refused else "waiting", info)


def latest_start(folder: Path) -> str:
    """Text that changes whenever the run in `folder` is started; "" before its first start."""
    identity = recall(folder)
    if identity is not None:
        return f"{identity.pid} {identity.born or identity.started}"
    return "by hand" if (folder / "events.jsonl").exists() else ""

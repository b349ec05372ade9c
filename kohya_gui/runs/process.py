"""A job's process, identified by its number and its birth, so that a reused number is never taken for it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import psutil

from train_core.config.whole_files import write_text
from train_core.facts.run.processes import birth_of

PROCESS_FILE = "process.json"
CLOCK_TOLERANCE = 2.0  # seconds, for records of versions that did not note the birth


@dataclass(frozen=True)
class Identity:
    """Identity of a process: its number, its start (seconds since 1970), and whether the user had it killed.

    `born` distinguishes it from others with the same number, whatever the clock is set to, see
    `train_core.facts.run.processes`. `events_before` is the size of the run's event file when it was started: later
    events are from this process. Both are None if an older version started the process.
    """

    pid: int
    started: float
    killed: bool = False
    born: str | None = None
    events_before: int | None = None


def spawn(command: list[str], folder: Path, environment: dict[str, str], console: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start `command` in `folder`, writing straight into `console`, so that it outlives us and our terminal."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=console,
        stderr=subprocess.STDOUT,
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )
    # Waited for, so that an ended child does not stay behind as a zombie while the page lives on.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def remember(folder: Path, identity: Identity) -> None:
    """Write which process runs the job of `folder`."""
    write_text(folder / PROCESS_FILE, json.dumps(asdict(identity)) + "\n")


def recall(folder: Path) -> Identity | None:
    """The process that runs or ran the job of `folder`, or None if it was not noted (or the file is damaged)."""
    try:
        fields = json.loads((folder / PROCESS_FILE).read_text(encoding="utf-8"))
        born, before = fields.get("born"), fields.get("events_before")
        return Identity(
            int(fields["pid"]), float(fields["started"]), bool(fields.get("killed", False)),
            None if born is None else str(born), None if before is None else int(before),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def identify(pid: int, events_before: int | None = None) -> Identity:
    """The identity of a process that was just started; one that has already ended keeps only its number."""
    try:
        return Identity(pid, psutil.Process(pid).create_time(), born=birth_of(pid), events_before=events_before)
    except psutil.NoSuchProcess:
        return Identity(pid, 0.0, events_before=events_before)


def find(identity: Identity) -> psutil.Process | None:
    """The living process with this number and birth, or with this start time if the birth is not known."""
    if identity.born is not None:
        return living(identity.pid, identity.born)
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started) < CLOCK_TOLERANCE
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def living(pid: int, born: str) -> psutil.Process | None:
    """The living process with this number and birth."""
    try:
        process = psutil.Process(pid)
        return process if birth_of(pid) == born and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, ValueError, OverflowError):  # the last two for a number that no process can have
        return None


def kill_trees(roots: Iterable[psutil.Process], grace: float = 5.0) -> None:
    """End `roots` and everything they started; what does not end within `grace` seconds is killed."""
    tree = {member for root in roots for member in [root, *_descendants(root)]}
    for member in tree:
        _end(member, psutil.Process.terminate)
    for member in psutil.wait_procs(list(tree), timeout=grace)[1]:
        _end(member, psutil.Process.kill)


def _descendants(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _end(process: psutil.Process, way: Callable[[psutil.Process], None]) -> None:
    try:
        way(process)
    except psutil.NoSuchProcess:
        return  # ended by itself meanwhile, as wanted

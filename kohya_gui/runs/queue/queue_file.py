"""The queue: runs that wait, in their order, and what to do with them; one small file for every page and terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from kohya_gui.runs.exclusive import exclusive
from kohya_gui.runs.registry import RUN_NAME
from train_core.config.phrases import from_plain, to_plain
from train_core.config.places import home
from train_core.config.problems import Problem, UserError, cause_of, problem
from train_core.config.untrusted import NotReadable, json_of, reason_of, text_of
from train_core.config.whole_files import write_text
from train_core.facts.run.run_folders import not_writable

FILE_VERSION = 1
MOST_AT_ONCE = 16
WhenEmpty = Literal["nothing", "notify", "command", "power_off"]


@dataclass(frozen=True)
class Entry:
    """A run in the queue, by the name of its folder.

    It does not start earlier than `not_before` (Unix seconds). `refused` are the problems for which it could not be
    started. `before` is the latest start of the run when it was added, see `listing.latest_start`.
    """

    run: str
    not_before: float = 0.0
    refused: tuple[Problem, ...] = ()
    before: str = ""


@dataclass(frozen=True)
class Queue:
    """The runs in their order; `at_once` of them may use the same device.

    `command` is an argument list for `when_empty`. `emptied` and `power_off_at` are Unix seconds: when the queue last
    ended, and when the machine is going to be switched off, 0 if it is not. `trouble` is what went wrong with either.
    """

    entries: tuple[Entry, ...] = ()
    paused: bool = False
    at_once: int = 1
    when_empty: WhenEmpty = "nothing"
    command: tuple[str, ...] = ()
    emptied: float = 0.0
    power_off_at: float = 0.0
    trouble: Problem | None = None

    def find(self, run: str) -> Entry | None:
        """The entry of `run`, if it is in the queue."""
        return next((entry for entry in self.entries if entry.run == run), None)

    def with_entry(self, changed: Entry) -> Queue:
        """The queue with `changed` in place of the entry of the same run, or at the end if there is none."""
        if self.find(changed.run) is None:
            return replace(self, entries=(*self.entries, changed))
        return replace(self, entries=tuple(changed if old.run == changed.run else old for old in self.entries))

    def without(self, *runs: str) -> Queue:
        """The queue without these runs."""
        return replace(self, entries=tuple(entry for entry in self.entries if entry.run not in runs))


def queue_file() -> Path:
    """Path of the file that holds the queue."""
    return home() / "queue.json"


def load() -> Queue:
    """The queue in the file; an empty one before there is a file. Raises `UserError` if it cannot be read."""
    try:
        fields = json_of(text_of(queue_file()))
    except FileNotFoundError:
        return Queue()
    except (OSError, UnicodeDecodeError, NotReadable) as error:
        raise UserError(_unreadable(cause_of(error) if isinstance(error, OSError) else reason_of(error))) from error
    if not isinstance(fields, dict) or fields.get("version") != FILE_VERSION:
        raise UserError(
            problem(
                "queue_of_another_version",
                "The queue in {file} was not written by this version of the program. Update the program, or delete the "
                "file to start with an empty queue; the runs stay.",
                file=str(queue_file()),
            )
        )
    return _queue_of(fields)


def change(alter: Callable[[Queue], Queue]) -> Queue:
    """Replace the queue with what `alter` makes of it, while nobody else changes it, and return that.

    What `alter` raises leaves the file as it is. Raises `UserError` if the file cannot be read or written.
    """
    with exclusive("queue"):
        before = load()
        after = alter(before)
        if after != before:
            try:
                write_text(queue_file(), to_text(after))
            except OSError as error:
                raise not_writable(home(), error) from error
    return after


def to_text(queue: Queue) -> str:
    """The contents of a file that holds `queue`."""
    plain = {**asdict(queue), "entries": [_plain_entry(entry) for entry in queue.entries]}
    if queue.trouble is not None:
        plain["trouble"] = _plain_problem(queue.trouble)
    return json.dumps({"version": FILE_VERSION, **plain}, indent=1) + "\n"


def _plain_entry(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "refused": [_plain_problem(found) for found in entry.refused]}


def _plain_problem(found: Problem) -> dict[str, Any]:
    return {"code": found.code, "text": found.text, "params": to_plain(found.params)}


def _unreadable(reason: str) -> Problem:
    return problem(
        "queue_unreadable",
        "The queue in {file} cannot be read: {reason}. Correct the file, or delete it to start with an empty queue; "
        "the runs stay.",
        file=str(queue_file()), reason=reason,
    )


def _queue_of(fields: dict[str, Any]) -> Queue:
    """The queue that the file's `fields` say; values that make no sense become the default."""
    listed = fields.get("entries")
    entries: dict[str, Entry] = {}
    for row in listed if isinstance(listed, list) else ():
        entry = _entry_of(row)
        if entry is not None:
            entries.setdefault(entry.run, entry)
    at_once, command = fields.get("at_once"), fields.get("command")
    known: tuple[WhenEmpty, ...] = get_args(WhenEmpty)
    return Queue(
        tuple(entries.values()),
        paused=fields.get("paused") is True,
        at_once=min(max(at_once, 1), MOST_AT_ONCE) if isinstance(at_once, int) else 1,
        when_empty=next((name for name in known if name == fields.get("when_empty")), "nothing"),
        command=tuple(word for word in command if isinstance(word, str)) if isinstance(command, list) else (),
        emptied=_seconds(fields.get("emptied")),
        power_off_at=_seconds(fields.get("power_off_at")),
        trouble=_problem_of(fields.get("trouble")),
    )


def _entry_of(row: Any) -> Entry | None:
    """The entry in a row of the file, or None if it does not name a run."""
    run = row.get("run") if isinstance(row, dict) else None
    if not isinstance(run, str) or not RUN_NAME.fullmatch(run) or "/" in run or "\\" in run:
        return None
    refused = row.get("refused")
    problems = [_problem_of(found) for found in refused] if isinstance(refused, list) else []
    before = row.get("before")
    return Entry(
        run, _seconds(row.get("not_before")), tuple(found for found in problems if found is not None),
        before if isinstance(before, str) else "",
    )


def _seconds(value: Any) -> float:
    """Unix seconds from the file; 0 for what is no time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        seconds = float(value)
    except OverflowError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _problem_of(plain: Any) -> Problem | None:
    if not isinstance(plain, dict) or not isinstance(plain.get("code"), str) or not isinstance(plain.get("text"), str):
        return None
    params = from_plain(plain.get("params"))
    return Problem(plain["code"], plain["text"], params if isinstance(params, dict) else {})

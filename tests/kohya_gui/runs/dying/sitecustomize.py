"""Lets a training die at one exact moment, as by SIGKILL: Python imports this in each process that finds it first.

The environment's `DEATH` says when, as JSON:

- `steps`: optimizer steps of this process that come first; then
- `calls`: the process dies as this many of torch's modules have been called;
- or `changes`: it dies before this many-th change to a file or folder in one of the `watched` folders;
- or `bytes`: it dies when the file that it then writes in a state has this length, as the system ends it there.

`tree` lets the launcher die too. With `fill`, a file of that name takes all room on its drive after `fill_after` steps.
Only torch's and Python's public hooks are used, so what the training does until then is what it always does.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

DEATH = "DEATH"
CHANGES = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir")
READY = "train_core.run.loop"  # its import comes after torch's and before the first step


class Death:
    """Counts what the training does, and ends it."""

    def __init__(self, steps: int, watched: list[str], calls: int = 0, changes: int = 0, bytes: int = 0,
                 tree: bool = False, fill: str = "", fill_after: int = 0) -> None:
        self.steps_left, self.watched, self.tree = steps, tuple(watched), tree
        self.calls_left, self.changes_left, self.bytes = calls, changes, bytes
        self.fill, self.fill_after = fill, fill_after
        self.armed = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take one of Python's audit events."""
        if event == "import" and arguments[0] == READY and not self.armed:
            self.armed = True
            self.arm()
        elif self.armed and self.steps_left <= 0 and self.is_change(event, arguments):
            self.count_change(event, str(arguments[0]))

    def arm(self) -> None:
        """Count torch's calls and steps from now on."""
        from torch.nn.modules.module import (  # noqa: PLC0415 - not before the job does
            register_module_forward_pre_hook,
        )
        from torch.optim.optimizer import register_optimizer_step_post_hook  # noqa: PLC0415

        register_module_forward_pre_hook(self.count_call)
        register_optimizer_step_post_hook(self.count_step)

    def count_step(self, *_: object) -> None:
        self.steps_left -= 1
        self.fill_after -= 1
        if self.fill and self.fill_after == 0:
            take_all_room(Path(self.fill))

    def count_call(self, *_: object) -> None:
        if self.calls_left and self.steps_left <= 0:
            self.calls_left -= 1
            if not self.calls_left:
                self.die()

    def is_change(self, event: str, arguments: tuple[Any, ...]) -> bool:
        """Whether something is about to be written, renamed, made or removed where results and their list are."""
        if event not in CHANGES or not isinstance(arguments[0], str | os.PathLike):
            return False
        reads = event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        return not reads and str(arguments[0]).startswith(self.watched)

    def count_change(self, event: str, path: str) -> None:
        if self.bytes and event == "os.mkdir" and "-state." in path:
            self.end_at_length(self.bytes)
        if self.changes_left:
            self.changes_left -= 1
            if not self.changes_left:
                self.die()

    def end_at_length(self, length: int) -> None:
        """Have the system end this process as it writes beyond `length` bytes of a file."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (length, length))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)

    def die(self) -> None:
        if self.tree:
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def take_all_room(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


if DEATH in os.environ and sys.orig_argv[1:3] == ["-m", "train_core"]:
    sys.addaudithook(Death(**json.loads(os.environ[DEATH])).hear)

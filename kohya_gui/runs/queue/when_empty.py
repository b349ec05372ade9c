"""Actions for the end of the queue: a command of the user's, or switching the machine off."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from train_core.config.phrases import phrase
from train_core.config.places import home
from train_core.config.problems import Problem, UserError, cause_of, problem

SECONDS_TO_CANCEL = 60.0  # before the machine is switched off
SECONDS_TO_ANSWER = 30  # of the system's command, which returns at once


def run_command(command: Sequence[str]) -> None:
    """Start `command` without a shell; it outlives us and writes to `queue-command.log`. Raises `UserError`."""
    try:
        with (home() / "queue-command.log").open("ab") as log:
            subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=sys.platform != "win32",
            )
    except (OSError, ValueError) as error:
        raise UserError(
            problem(
                "queue_command_failed",
                "{command} could not be started at the end of the queue: {reason}. Give the full path of the program.",
                command=" ".join(command), reason=cause_of(error),
            )
        ) from error


def switch_off() -> None:
    """Switch this machine off. Raises `UserError` if the system does not let us."""
    command = power_off_command()
    if command is None:
        raise UserError(_still_on(phrase("no_power_off", "the system has no program for it")))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS_TO_ANSWER, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(_still_on(cause_of(error))) from error
    if done.returncode:
        raise UserError(_still_on((done.stderr or done.stdout).strip() or f"{command[0]}: {done.returncode}"))


def power_off_command() -> list[str] | None:
    """The system's command for switching the machine off, or None if there is none."""
    if sys.platform == "win32":
        return ["shutdown", "/s", "/t", "0"]
    if sys.platform == "darwin":
        return ["osascript", "-e", 'tell application "System Events" to shut down']
    if Path("/run/systemd/system").is_dir() and shutil.which("systemctl"):
        return ["systemctl", "poweroff"]
    return next(
        ([found, *words] for name, words in (("shutdown", ["-h", "now"]), ("poweroff", []))
         if (found := shutil.which(name) or shutil.which(name, path="/sbin:/usr/sbin"))), None,
    )  # fmt: skip


def _still_on(reason: str) -> Problem:
    return problem(
        "queue_still_on",
        "The machine could not be switched off ({reason}). On a rented machine, use the provider's own command: "
        "./gui.sh queue when-empty command PROGRAM ARGUMENTS",
        reason=reason,
    )

"""The desktop's own dialog for a file or folder, in a process of its own, so that the page's server never waits in it.

Not tested with a real display: the machines that Crucible is tested on have none. Tests run stand-ins in its place.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from train_core.config.problems import Problem, UserError, problem

SECONDS = 900.0  # after which a dialog that was forgotten is closed
CANCELLED = 1  # what zenity ends with


@dataclass(frozen=True)
class Question:
    """What to choose: a folder, a file with one of `endings`, or with `save` a file to write; starting in `folder`."""

    title: str
    folder: str
    wants_folder: bool
    endings: tuple[str, ...] = ()
    save: bool = False


def command(question: Question) -> list[str] | None:
    """The command that shows the dialog and prints what was chosen; None where this machine has none to show."""
    zenity = shutil.which("zenity") if sys.platform.startswith("linux") else None
    if zenity is not None:
        return [zenity, *_for_zenity(question)]
    if importlib.util.find_spec("tkinter") is not None and importlib.util.find_spec("_tkinter") is not None:
        return [sys.executable, "-m", "kohya_gui.files.native_window", json.dumps(asdict(question))]
    return None


def _for_zenity(question: Question) -> Sequence[str]:
    flags = ["--file-selection", f"--title={question.title}", f"--filename={question.folder.rstrip('/')}/"]
    flags += ["--directory"] if question.wants_folder else []
    flags += ["--save", "--confirm-overwrite"] if question.save else []
    pattern = " ".join(f"*{ending}" for ending in question.endings)
    return [*flags, *([f"--file-filter={pattern}"] if pattern else [])]


class Desktop:
    """Shows one dialog at a time."""

    def __init__(self) -> None:
        self._open = asyncio.Lock()

    async def ask(self, question: Question, seconds: float = SECONDS) -> str:
        """The path that was chosen, "" if none was. Raises `UserError` without a dialog, or if one is open already."""
        if self._open.locked():
            raise UserError(problem("dialog_open", "A dialog is open already, maybe behind this window."))
        async with self._open:
            return await _run(command(question), seconds)


async def _run(shown: list[str] | None, seconds: float) -> str:
    if shown is None:
        raise UserError(_failed("tkinter"))
    process = await asyncio.create_subprocess_exec(
        *shown, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        said, complaint = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in (0, CANCELLED) or (process.returncode and not shown[0].endswith("zenity")):
        lines = complaint.decode(errors="replace").strip().splitlines()
        raise UserError(_failed(lines[-1] if lines else str(process.returncode)))
    return said.decode(errors="surrogateescape").rstrip("\r\n")


def _failed(reason: str) -> Problem:
    return problem(
        "dialog_failed", "The system's dialog cannot be shown ({reason}). Choose in the list here, or type the path.",
        reason=reason,
    )

"""Windows as the tests use it: programs are started there and waited for; its paths and ours name the same files."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RUNNER = Path(__file__).with_name("runner.py")
PATIENCE = 900.0  # seconds for what a busy machine does in one or two minutes
UTF8 = 65001


def windows_path(path: Path) -> str:
    """`path` as Windows' programs write it; under Wine the whole of this system is drive Z."""
    return str(path) if os.name == "nt" else "Z:" + str(path).replace("/", "\\")


@dataclass
class Process:
    """A program started on Windows. `log` has what it printed."""

    log: Path
    started: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Its number on Windows."""
        file = self.log.with_name(self.log.name + ".pid")
        wait_for(lambda: file.is_file() and file.read_text().strip(), self.text)
        return int(file.read_text())

    def text(self) -> str:
        """Everything that it has printed."""
        return self.log.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n") if self.log.exists() else ""

    @property
    def code(self) -> int | None:
        """Its exit code, or None while it runs. The command that started it may end later, with what it started."""
        file = self.log.with_name(self.log.name + ".code")
        told = file.read_text() if file.exists() else ""
        return int(told) if told else None

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end and return its exit code."""
        wait_for(lambda: self.code is not None or self.started.poll() is not None, self.text, patience)
        wait_for(lambda: self.code is not None, self.text, patience=5)
        assert self.code is not None
        return self.code


@dataclass
class Windows:
    """Windows, reached by a command that runs its Python. `notes` is a folder for what is passed both ways."""

    command: Sequence[str]
    notes: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copy(RUNNER, self.notes)  # the program's own folder need not be within its reach

    def start(
        self, words: Sequence[str], folder: Path, code_page: int = 0, **variables: str
    ) -> Process:
        """Start a program with its arguments in `folder`; `code_page` is its console's, if it matters."""
        number = len(list(self.notes.glob("*.json")))
        log = self.notes / f"{number}.log"
        (self.notes / f"{number}.json").write_text(json.dumps({
            "words": list(words), "folder": windows_path(folder), "variables": {**self.variables, **variables},
            "log": windows_path(log), "code_page": code_page,
        }), encoding="utf-8")  # fmt: skip
        command = [*self.command, windows_path(self.notes / RUNNER.name), windows_path(self.notes / f"{number}.json")]
        return Process(log, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))

    def run(self, words: Sequence[str], folder: Path, code_page: int = 0, **variables: str) -> tuple[int, str]:
        """Run a program to its end; return its exit code and what it printed."""
        process = self.start(words, folder, code_page, **variables)
        code = process.wait()
        return code, process.text()

    def kill(self, pid: int, tree: bool = False) -> None:
        """End a process at once, with all that it started if `tree`."""
        self.run(["taskkill", "/f", *(["/t"] if tree else []), "/pid", str(pid)], self.notes)


def parse_command(text: str) -> list[str]:
    """The words of a command line."""
    return shlex.split(text, posix=os.name != "nt")


def wait_for(condition: Callable[[], object], told: Callable[[], str] = str, patience: float = PATIENCE) -> None:
    """Wait until `condition` holds; fail with what `told` says if it never does."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.2)

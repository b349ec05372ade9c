"""Crucible on Windows: the machine, the program set up on it once, and a tiny training whose files lie there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_file
from tests.train_core.jobs.conftest import draw_images
from tests.windows.machine import PATIENCE, Process, Windows, parse_command, wait_for, windows_path
from train_core.config.places import app_dir

NOT_PROGRAM = shutil.ignore_patterns(".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", ".update-*", "shared")
END_ALL = """
import psutil, sys
for process in psutil.process_iter():
    try:
        words = process.cmdline()
        if any(word.startswith(sys.argv[1] + '\\\\') for word in words):
            process.kill()
    except psutil.Error:
        pass
"""


@pytest.fixture(scope="session")
def windows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Windows:
    """The machine that `--windows` leads to."""
    command = request.config.getoption("--windows")
    if not command:
        pytest.skip("no Windows here: --windows COMMAND names a command that runs Windows' Python")
    machine = Windows(parse_command(command), tmp_path_factory.mktemp("notes"))
    code, told = machine.run(["cmd", "/c", "ver"], machine.notes)
    assert code == 0, told
    return machine


@pytest.fixture(scope="session")
def letters(windows: Windows) -> str:
    """A folder's name with blanks and Chinese letters, or with blanks alone where its locale has no others."""
    folder = windows.notes / "我的 程序"
    folder.mkdir()
    code, _ = windows.run(["cmd", "/c", "cd"], folder)
    return "我的 程序" if code == 0 else "my program"


@dataclass
class Program:
    """A copy of the program on Windows. `home` is its CRUCIBLE_HOME; `set_up` what the set-up has printed."""

    windows: Windows
    folder: Path
    home: Path
    set_up: str = ""

    @property
    def python(self) -> str:
        """The environment's Python."""
        return windows_path(self.folder / ".venv" / "Scripts" / "python.exe")

    def start(self, *words: str, code_page: int = 0) -> Process:
        """Start gui.bat with these words."""
        home = {"CRUCIBLE_HOME": windows_path(self.home)}
        return self.windows.start(["cmd", "/c", "gui.bat", *words], self.folder, code_page, **home)

    def run(self, *words: str, code_page: int = 0, patience: float = PATIENCE) -> tuple[int, str]:
        """Run gui.bat to its end; return its exit code and what it printed."""
        process = self.start(*words, code_page=code_page)
        code = process.wait(patience)
        return code, process.text()

    def events(self, run: Path) -> list[dict[str, Any]]:
        """The whole lines of a run's events."""
        file = run / "events.jsonl"
        lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def runs(self) -> list[Path]:
        """The run folders, oldest first."""
        return sorted((self.home / "runs").iterdir()) if (self.home / "runs").is_dir() else []

    def end_all(self) -> None:
        """End every process that works on a run of this home."""
        self.windows.run([self.python, "-c", END_ALL, windows_path(self.home)], self.windows.notes)


@pytest.fixture(scope="session")
def installed(
    windows: Windows, letters: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Program:
    """The program as it is here, copied and set up by gui.bat; the folder of `--windows-copy` keeps its environment."""
    chosen = request.config.getoption("--windows-copy")
    parent = Path(chosen).absolute() if chosen else tmp_path_factory.mktemp("windows")
    folder = parent / letters / "crucible"
    shutil.copytree(app_dir(), folder, ignore=NOT_PROGRAM, dirs_exist_ok=True)
    program = Program(windows, folder, tmp_path_factory.mktemp("home"))
    code, program.set_up = program.run("tool", "inspect")  # without a file: sets up, and then says what it needs
    assert code == 1, program.set_up
    return program


@pytest.fixture
def program(installed: Program, tmp_path: Path) -> Iterator[Program]:
    """The program with a home of the test's own; whatever it left running is ended."""
    own = Program(installed.windows, installed.folder, tmp_path / "home", installed.set_up)
    yield own
    own.end_all()


Job = Callable[..., Path]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """`job(folder, **settings)` writes a training of the tiny model, with all its files in `folder`; gives its TOML."""

    def write(folder: Path = tmp_path, **values: Any) -> Path:
        if not (folder / "images").exists():
            draw_images(folder / "images")
            shutil.copy(tiny_file(), folder / "tiny.safetensors")
        settings = {
            "config_version": 1, "pretrained_model_name_or_path": windows_path(folder / "tiny.safetensors"),
            "train_data_dir": windows_path(folder / "images"), "output_dir": windows_path(folder / "out"),
            "output_name": "zuko", "resolution": "64", "bucket_reso_steps": 64, "network_dim": 4, "network_alpha": 4,
            "max_train_epochs": 2, "train_batch_size": 2, "optimizer_type": "AdamW", "learning_rate": 1e-3,
            "lr_scheduler": "constant", "mixed_precision": "no", "save_precision": "float", "use_cpu": True, "seed": 5,
            **values,
        }  # fmt: skip
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items()]
        path = folder / f"{settings['output_name']}.toml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def steps_of(program: Program, run: Path) -> int:
    """The newest step that a run has told."""
    return max((event["step"] for event in program.events(run) if event["kind"] == "progress"), default=0)


def wait_for_step(program: Program, process: Process, step: int) -> Path:
    """Wait until the newest run has done `step` steps, and return its folder."""
    wait_for(lambda: program.runs() and steps_of(program, program.runs()[-1]) >= step, process.text)
    return program.runs()[-1]


def numbers_of(program: Program, run: Path) -> list[int]:
    """The numbers of the processes that have worked on a run, in order."""
    return [event["pid"] for event in program.events(run) if "pid" in event]


def ours(path: str) -> Path:
    """The path that Windows' programs wrote, as this system has it."""
    return Path(path) if os.name == "nt" else Path(path.removeprefix("Z:").replace("\\", "/"))

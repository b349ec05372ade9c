"""The one launcher: a run folder, a process in a session of its own, and nothing that ties it to the page."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kohya_gui.runs.command import accelerate_yaml, child_environment, training_command
from kohya_gui.runs.devices import World, find_hardware, plan_world
from kohya_gui.runs.process import identify, remember, spawn
from kohya_gui.runs.registry import ACTIVE, read_run
from train_core.config.files import LAST_STATE, read_config, write_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import PACKAGE_PARENT, home, runs_dir
from train_core.config.problems import UserError, problem, raise_if_any
from train_core.config.whole_files import write_text
from train_core.events.requests import take_requests
from train_core.facts.run.states import State, differing, find_state

ENTRY = ("train_core", "train")
# Jobs that take a training's settings and prepare it, and how the names of their runs end.
BESIDE = {"find_rate": "rate", "class_images": "class-images"}


@dataclass(frozen=True)
class RunHandle:
    """A started run: its folder and the process that this program started for it."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def id(self) -> str:
        return self.folder.name


def start(config: TrainConfig) -> RunHandle:
    """Start a training run. Raises `UserError` when the machine cannot run it as the settings ask."""
    world = plan_world(config.launch, config.training.mixed_precision, find_hardware())
    state = find_state(config)
    folder = new_run_folder(config.output.output_name) if state is None else _folder_to_resume(state)
    return start_in(folder, config if state is None else resuming(config, state.path), world, list(ENTRY))


def start_beside(job: str, config: TrainConfig) -> RunHandle:
    """Start a job that prepares the training that `config` asks for. Raises `UserError` as `start` does."""
    world = plan_world(config.launch, config.training.mixed_precision, find_hardware())
    return start_in(new_run_folder(f"{config.output.output_name}-{BESIDE[job]}"), config, world, [ENTRY[0], job])


def resume(folder: Path, overrides: Mapping[str, str] | None = None) -> RunHandle:
    """Go on with the run in `folder` from its newest whole state. Raises `UserError` when that cannot be."""
    config = read_config(folder / "config.toml", {**(overrides or {}), "resume": ""}).config
    state = find_state(resuming(config, LAST_STATE), folder)
    raise_if_any([] if state is None else differing(config, state))
    return start(config if state is None else resuming(config, state.path))


def resuming(config: TrainConfig, state: Path | str) -> TrainConfig:
    """`config` with `state` as what to resume from."""
    return config.model_copy(update={"resume": config.resume.model_copy(update={"resume": str(state)})})


def _folder_to_resume(state: State) -> Path:
    """The folder of the run that left `state`, cleared of old requests; a new one where it is gone.

    Raises `UserError` while that run is still running.
    """
    folder = state.run_dir
    if not (folder / "config.toml").is_file():
        return new_run_folder(state.output_name)
    info = read_run(folder)
    if info is not None and info.status in ACTIVE:
        raise UserError(
            problem(
                "resume_running",
                "The run {name} is still running, so there is nothing to resume. Stop or pause it first.",
                name=info.id,
            )
        )
    take_requests(folder)
    return folder


def start_in(folder: Path, config: TrainConfig, world: World, entry: list[str]) -> RunHandle:
    """Write the run's files into `folder` and start `entry` (module, then its words) there."""
    command = _write_files(folder / "config.toml", folder / "accelerate.yaml", config, world, entry)
    with (folder / "console.log").open("ab") as console:
        process = spawn(command, folder, child_environment(world), console)
    remember(folder, identify(process.pid))
    return RunHandle(folder, process)


def _write_files(
    config_file: Path, accelerate_file: Path, config: TrainConfig, world: World, entry: list[str]
) -> list[str]:
    """Write both files and return the command that uses them."""
    write_toml(config_file, config)
    write_text(accelerate_file, accelerate_yaml(world))
    return training_command(world, accelerate_file, [*entry, "--config_file", str(config_file)])


def printable_command(config: TrainConfig) -> str:
    """The command of a start as one line for a shell. The two files it names are written; nothing is started."""
    world = plan_world(config.launch, config.training.mixed_precision, find_hardware())
    folder = home() / "printed" / folder_name(config.output.output_name)
    command = _write_files(folder / "config.toml", folder / "accelerate.yaml", config, world, list(ENTRY))
    if sys.platform == "win32":
        return f'cd /d "{PACKAGE_PARENT}" && {subprocess.list2cmdline(command)}'
    return f"cd {shlex.quote(str(PACKAGE_PARENT))} && {shlex.join(command)}"


def folder_name(output_name: str) -> str:
    """`output_name` as part of a folder's name that every system accepts."""
    return re.sub(r"[\x00-\x1f\\/:*?\"<>|]", "_", output_name).strip(". ")[:80] or "run"


def new_run_folder(output_name: str) -> Path:
    """Make `runs/<time>-<name>/`, numbered where two runs of one name start in the same second."""
    runs_dir().mkdir(parents=True, exist_ok=True)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{folder_name(output_name)}"
    number = 1
    while True:
        folder = runs_dir() / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
            continue
        (folder / "control").mkdir()
        (folder / "logs").mkdir()
        return folder

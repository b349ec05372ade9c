"""The one launcher: a job's run folder is prepared, and its process started in it; nothing ties that to the page."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from kohya_gui.runs.command import accelerate_yaml, child_environment, training_command
from kohya_gui.runs.devices import World, find_hardware, plan_world, usable_cores
from kohya_gui.runs.exclusive import exclusive
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.process import identify, remember, spawn
from kohya_gui.runs.registry import ACTIVE, AT_WORK, RunInfo, read_run
from kohya_gui.runs.shells import shells
from kohya_gui.runs.tools import active_tool
from train_core.config.files import Overrides, read_config, read_job, write_toml
from train_core.config.job import Job, Tool
from train_core.config.jobs.table import key_of
from train_core.config.jobs.train import TrainConfig
from train_core.config.paths import LAST_STATE
from train_core.config.places import PACKAGE_PARENT, home
from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.config.whole_files import write_text
from train_core.facts.run.run_folders import (
    SETTINGS,
    folder_name,
    in_use,
    is_held,
    job_in,
    make_run_folder,
    not_writable,
)
from train_core.facts.run.states import differing, find_state

ACCELERATE = "accelerate.yaml"
START = "start"  # the section in which a run is started


@dataclass(frozen=True)
class RunHandle:
    """A started run: its folder and the process that this program started for it."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def id(self) -> str:
        return self.folder.name


def start(job: type[Job], settings: Job) -> RunHandle:
    """Start `job` with these settings now. Raises `UserError` if something else is running or the job cannot be run."""
    with exclusive(START):  # so that no other start comes between the check of what is running and ours
        refusal = may_start(job)
        raise_if_any([refusal] if refusal else [])
        return launch(prepare(job, settings))


def may_start(job: type[Job]) -> Problem | None:
    """Reason why `job` may not start now, for page and terminal alike: one job uses the device, one tool runs."""
    tool = active_tool()
    if tool is not None and (job.uses == "cpu" or issubclass(job, Tool) or _uses_device(tool)):
        return problem("tool_active", "A tool is still running. Wait until it ends, or cancel it first.")
    active = run_on_device() if job.uses != "cpu" else None
    return None if active is None else problem(
        "run_active",
        "The training {name} is still running. Stop it or wait until it ends, then start again.",
        name=active.name,
    )


def run_on_device() -> RunInfo | None:
    """The run that uses the device now, if any."""
    return next((run for run in list_runs() if run.status in AT_WORK and _uses_device(run.folder)), None)


def _uses_device(folder: Path) -> bool:
    job = job_in(folder)
    return job is None or job.uses != "cpu"


def prepare(job: type[Job], settings: Job) -> Path:
    """The folder of a run of `job`, with all that `launch` needs; until then the run is queued.

    Settings that resume give the folder of the run that they resume, where that is still there. Raises `UserError`
    when the machine cannot run the job as the settings ask, or when there is nothing to resume.
    """
    config = job.of(settings)
    _world_for(config)
    state = find_state(config) if isinstance(config, TrainConfig) else None
    if state is None or not isinstance(settings, TrainConfig):
        return make_run_folder(job, settings)
    _refuse_while_running(state.run_dir)
    return make_run_folder(job, resuming(settings, state.path), state)


def launch(folder: Path) -> RunHandle:
    """Start the job of the run prepared in `folder`. Raises `UserError` when its settings cannot be read any more."""
    config_file = folder / SETTINGS
    job = job_in(folder)
    if job is None:
        raise UserError(
            problem(
                "run_unreadable",
                "{file} does not name a job that can be started. Start a new run.", file=str(config_file)
            )
        )
    config = job.of(read_job(job, config_file, {})[0])
    raise_if_any([in_use(folder)] if is_held(folder) else [])
    world = _world_for(config)
    events = folder / "events.jsonl"
    before = events.stat().st_size if events.exists() else 0
    try:
        command = _command(config, world, config_file, folder / ACCELERATE)
        with (folder / "console.log").open("ab") as console:
            process = spawn(command, folder, child_environment(world), console)
        try:
            remember(folder, identify(process.pid, before))
        except OSError:  # without it nobody could follow or stop the process
            process.kill()
            raise
    except OSError as error:
        raise not_writable(folder, error) from error
    return RunHandle(folder, process)


def resume(folder: Path, overrides: Overrides | None = None) -> RunHandle:
    """Continue the training in `folder` from its newest complete state. Raises `UserError` if it cannot."""
    return start(TrainConfig, settings_to_resume(folder, overrides))


def settings_to_resume(folder: Path, overrides: Overrides | None = None) -> TrainConfig:
    """The settings with which the training in `folder` goes on from its newest complete state; without one, its own.

    Raises `UserError` while it is running, and for settings that may not differ from the state's.
    """
    _refuse_while_running(folder)
    config = read_config(folder / SETTINGS, {**(overrides or {}), "resume": ""}).config
    state = find_state(resuming(config, LAST_STATE), folder)
    raise_if_any([] if state is None else differing(config, state))
    return config if state is None else resuming(config, state.path)


def resuming(config: TrainConfig, state: Path | str) -> TrainConfig:
    """`config` with `state` as what to resume from."""
    return config.model_copy(update={"resume": config.resume.model_copy(update={"resume": str(state)})})


def _refuse_while_running(folder: Path) -> None:
    """Raise `UserError` while the run in `folder` has not ended, since it cannot be resumed yet."""
    info = read_run(folder)
    if info is not None and info.status in ACTIVE:
        raise UserError(
            problem(
                "resume_running",
                "The run {name} is still running, so there is nothing to resume. Stop or pause it first.",
                name=info.id,
            )
        )


def _world_for(config: Job) -> World:
    """The processes of a job: as many as its settings ask for, or one with all cores. Raises `UserError`."""
    if config.uses == "processes":
        training = cast(TrainConfig, config)  # such jobs have its sections on launching and number formats
        return plan_world(training.launch, training.training.mixed_precision, find_hardware())
    device = "cpu" if config.uses == "cpu" else find_hardware().device
    return World(device=device, processes=1, threads=usable_cores(), port=0, mixed_precision="no", gpu_ids="")


def _command(config: Job, world: World, config_file: Path, accelerate_file: Path) -> list[str]:
    """The argument list that starts a job, whose configuration for accelerate is written where it takes one."""
    words = job_words(type(config), config_file)
    if config.uses != "processes":
        return [sys.executable, "-m", *words]
    write_text(accelerate_file, accelerate_yaml(world))
    return training_command(world, accelerate_file, words)


def job_words(job: type[Job], config_file: Path) -> list[str]:
    """The module that runs `job`, and its arguments."""
    return ["train_core", key_of(job), "--config_file", str(config_file)]


def printable_command(config: TrainConfig) -> dict[str, str]:
    """The command of a start as one line for each shell. The two files it names are written; nothing is started."""
    folder = home() / "printed" / folder_name(config.run_name())
    write_toml(folder / SETTINGS, config)
    command = _command(config, _world_for(config), folder / SETTINGS, folder / ACCELERATE)
    return {name: line(str(PACKAGE_PARENT), command) for name, line in shells(sys.platform == "win32").items()}

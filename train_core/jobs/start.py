"""Starting a job: its run folder, its event stream, and how every kind of end is told."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from train_core.config.files import Loaded, read_config, write_toml
from train_core.config.jobs.class_images import class_image_settings
from train_core.config.jobs.find_rate import search_settings
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir
from train_core.config.problems import UserError, raise_if_any
from train_core.events.event import Event
from train_core.events.kinds import ErrorEvent, Finished, NoticeEvent, Stage, WarningEvent
from train_core.events.log import Emit, EventLog, emit_problems
from train_core.events.printing import Printer
from train_core.events.requests import take_requests
from train_core.facts.models.hub import resolve
from train_core.facts.models.tensor_files import read_ahead
from train_core.facts.preflight import examine
from train_core.facts.run.states import find_state
from train_core.jobs.failing import explained, is_known


@dataclass(frozen=True)
class Work:
    """What a job does with a training's settings: how it takes them, and the function of which module then works.

    The module is imported late: everything before needs no torch, so that a mistake is told at once.
    """

    module: str
    function: str
    prepare: Callable[[TrainConfig], TrainConfig] = lambda config: config


JOBS = {
    "train": Work("train_core.jobs.train", "train_adapter"),
    "find_rate": Work("train_core.jobs.find_rate", "find_rate", search_settings),
    "class_images": Work("train_core.jobs.class_images", "make_class_images", class_image_settings),
}


def start_training(config_file: Path, overrides: Mapping[str, str], job: str = "train") -> int:
    """Run `job` with the settings in `config_file`; 0 when it completed or was stopped, 1 when it failed."""
    main_process = int(os.environ.get("RANK", "0")) == 0
    printer = Printer()
    try:
        loaded = read_config(config_file, overrides)
        loaded = replace(loaded, config=JOBS[job].prepare(loaded.config))
    except UserError as error:
        run_dir = run_folder_of(config_file)
        if run_dir and main_process:
            tell_failure(EventLog(run_dir / "events.jsonl").write, error)
        tell_failure(printer.show, error)
        return 1
    run_dir = run_folder_of(config_file)
    if run_dir is None:
        run_dir = run_folder_for(loaded) if main_process else config_file.parent  # only the main process writes there
    emit = both(EventLog(run_dir / "events.jsonl").write, printer.show) if main_process else _nowhere
    return _run(loaded, run_dir, emit, job)


def run_folder_of(config_file: Path) -> Path | None:
    """The run folder that `config_file` already lies in, made by the launcher; else None."""
    path = config_file.resolve()
    return path.parent if path.name == "config.toml" and path.parent.parent == runs_dir().resolve() else None


def run_folder_for(loaded: Loaded) -> Path:
    """The folder of the run that these settings resume, where it is still there; else a new one."""
    try:
        state = find_state(loaded.config)
    except UserError:  # told by the examination, as an event of the new run
        state = None
    if state is None or not (state.run_dir / "config.toml").is_file():
        return new_run_folder(loaded)
    take_requests(state.run_dir)  # what was asked of the interrupted run is not meant for this one
    write_toml(state.run_dir / "config.toml", loaded.config)
    return state.run_dir


def new_run_folder(loaded: Loaded) -> Path:
    """A new run folder with the settings in it, for a job that was started without the launcher."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{loaded.config.output.output_name}"
    number = 1
    while True:
        run_dir = runs_dir() / (stem if number == 1 else f"{stem}-{number}")
        try:
            run_dir.mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        write_toml(run_dir / "config.toml", loaded.config)
        return run_dir


def _run(loaded: Loaded, run_dir: Path, emit: Emit, job: str) -> int:
    # It tells of every kernel that it does not have; those that are asked for fail by themselves.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        emit_problems(emit, WarningEvent, loaded.warnings)
        emit(Stage(name="checking", pid=os.getpid()))
        findings = examine(loaded.config, run_dir)
        emit_problems(emit, WarningEvent, findings.warnings)
        emit_problems(emit, NoticeEvent, findings.notices)
        raise_if_any(findings.problems)
        read_ahead(resolve(loaded.config.model.pretrained_model_name_or_path))
        work = JOBS[job]
        getattr(importlib.import_module(work.module), work.function)(loaded.config, run_dir, emit)
    except UserError as error:
        tell_failure(emit, error)
        return 1
    except KeyboardInterrupt:
        emit(Finished(status="stopped", path=None, step=None))
        return 130
    except Exception as error:
        if not is_known(error):
            traceback.print_exc(file=sys.stderr)
        told = explained(error, loaded.config, run_dir)
        if emit is _nowhere:
            print(told, file=sys.stderr, flush=True)
        tell_failure(emit, told)
        return 1
    return 0


def end_process(code: int) -> None:
    """Where this process trained with others, end it at once, when all are done with it.

    The threads by which gloo talks to the others now and then abort the interpreter while it clears up
    (pytorch/pytorch#179291), after everything was saved, and the run would count as failed.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return
    if code == 0:
        distributed.barrier()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def tell_failure(emit: Emit, error: UserError) -> None:
    """Say why the job ends. Where the drive is too full for events, the console alone has it."""
    with suppress(OSError):
        emit_problems(emit, ErrorEvent, error.problems)
    with suppress(OSError):
        emit(Finished(status="failed", path=None, step=None))


def both(first: Emit, second: Emit) -> Emit:
    """Sends every event to the one, and then to the other even where the one cannot take it."""

    def emit(event: Event) -> None:
        try:
            first(event)
        finally:
            second(event)

    return emit


def _nowhere(event: Event) -> None:
    """Events of the processes beside the main one."""

"""Starting a job: its settings, its run folder, where its events go, and how every kind of end is reported."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from train_core.config.files import Overrides, read_job
from train_core.config.job import Job, Tool
from train_core.config.jobs.table import named
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError, cause_of, problem, raise_if_any
from train_core.events.event import Event
from train_core.events.kinds import ErrorEvent, Finished, NoticeEvent, Stage, Started, WarningEvent
from train_core.events.log import Emit, EventLog, emit_problems
from train_core.events.printing import Printer
from train_core.facts.models.tensor_files import read_ahead
from train_core.facts.preflight import Findings, findings_of
from train_core.facts.run.processes import birth_of
from train_core.facts.run.run_folders import held, is_run_folder, make_run_folder, not_writable, run_folder_of
from train_core.facts.run.states import State, find_state
from train_core.jobs.failing import explained, is_known

FAILED = 1
INTERRUPTED = 130
EVENTS = "events.jsonl"


def start_job(job: type[Job], config_file: Path | None, overrides: Overrides) -> int:
    """Run `job` with the settings in `config_file`: 0 when it completed or was stopped by a request, 1 when it failed,
    130 when it was interrupted.

    It works in the run folder that `config_file` lies in. Without one, a tool needs none, and other jobs make one. No
    other process writes into that folder meanwhile.
    """
    if int(os.environ.get("RANK", "0")) != 0:
        return _follow(job, config_file, overrides)
    with ExitStack() as locks:
        return _lead(job, config_file, overrides, locks)


def _follow(job: type[Job], config_file: Path | None, overrides: Overrides) -> int:
    """Work next to the main process, which alone reports to the user."""
    try:
        settings, warnings = read_job(job, config_file, overrides)
        config = job.of(settings)
    except UserError as error:
        return _failed(Printer().show, error)
    return _work(config, run_folder_of(config_file) or (config_file and config_file.parent), _nowhere, warnings)


def _lead(job: type[Job], config_file: Path | None, overrides: Overrides, locks: ExitStack) -> int:
    run_dir = run_folder_of(config_file)
    show: Emit = Printer().show
    emit = show
    try:
        if run_dir is not None:
            locks.enter_context(held(run_dir))
            emit = _emit(run_dir, show)
        if issubclass(job, Tool):
            emit(Stage(name="checking", pid=os.getpid(), born=birth_of(os.getpid())))
            emit(Started(job=job.job_name, output_name=job.job_name))
        settings, warnings = read_job(job, config_file, overrides)
        config = job.of(settings)
        if run_dir is None and not issubclass(job, Tool):
            run_dir = _new_run(job, settings, _state(config), locks) if job.keeps_run else _passing(locks)
            emit = _emit(run_dir, show)
    except UserError as error:
        return _failed(emit, error)
    return _work(config, run_dir, emit, warnings)


def _new_run(job: type[Job], settings: Job, state: State | None, locks: ExitStack) -> Path:
    """The folder of a run that was started by hand. An existing one is locked before anything is written to it."""
    if state is not None and is_run_folder(state.run_dir):
        locks.enter_context(held(state.run_dir))
        return make_run_folder(job, settings, state)
    folder = make_run_folder(job, settings)
    locks.enter_context(held(folder))
    return folder


def _passing(locks: ExitStack) -> Path:
    """A run folder that is gone once the job has ended."""
    folder = TemporaryDirectory(prefix="crucible-", ignore_cleanup_errors=True)  # Windows keeps files that are open
    return Path(locks.enter_context(folder))


def _emit(run_dir: Path, show: Emit) -> Emit:
    """A function that sends events to the run's file and to the console.

    If the run's folder is full or gone, the run goes on: events wait, and the console says so once.
    """
    try:
        log = EventLog(run_dir / EVENTS)
    except OSError as error:
        raise not_writable(run_dir, error) from error
    told = False

    def emit(event: Event) -> None:
        nonlocal told
        try:
            log.write(event)
        except OSError as error:
            if not told:
                emit_problems(show, WarningEvent, [_events_wait(run_dir, error)])
            told = True
        show(event)

    return emit


def _events_wait(run_dir: Path, error: OSError) -> Problem:
    return problem(
        "events_not_written",
        "Events cannot be written to {folder} ({reason}), so the page shows nothing new of this run. The run goes on "
        "and its result will be saved. Free some space there.",
        folder=str(run_dir), reason=cause_of(error),
    )


def _state(config: Job) -> State | None:
    """The state that a training resumes from, if it can be found; the checks report why not."""
    try:
        return find_state(config) if isinstance(config, TrainConfig) else None
    except UserError:
        return None


def _work(config: Job, run_dir: Path | None, emit: Emit, warnings: tuple[Problem, ...]) -> int:
    # It tells of every kernel that it does not have; those that are asked for fail by themselves.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    job = type(config)
    try:
        emit_problems(emit, WarningEvent, warnings)
        if not issubclass(job, Tool):
            emit(Stage(name="checking", pid=os.getpid(), born=birth_of(os.getpid())))
        findings = _check(config, run_dir, emit)
        work = _tool(job) if issubclass(job, Tool) else named(job.entry)  # torch comes in here, after the checks
        work(config, run_dir, emit, findings)
    except UserError as error:
        return _failed(emit, error)
    except KeyboardInterrupt:
        emit(Finished(status="stopped", path=None, step=None))
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads has read enough, as `| head` does
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - the interpreter flushes it as it ends
        return _failed(emit, UserError())
    except Exception as error:
        if not is_known(error):
            traceback.print_exc(file=sys.stderr)
        told = explained(error, config, run_dir)
        if emit is _nowhere:
            print(told, file=sys.stderr, flush=True)
        return _failed(emit, told)
    return 0


def _check(config: Job, run_dir: Path | None, emit: Emit) -> Findings:
    """Report and return what the job's checks find. Raises `UserError` if anything prevents the job."""
    findings = findings_of(config, run_dir)
    emit_problems(emit, WarningEvent, findings.warnings)
    emit_problems(emit, NoticeEvent, findings.notices)
    raise_if_any(findings.problems)
    if findings.base:
        read_ahead(findings.base.model.path)  # while the libraries are imported
    return findings


def _tool(job: type[Job]) -> Callable[[Job, Path | None, Emit, Findings], None]:
    """A tool, called as other jobs are."""

    def use(config: Job, run_dir: Path | None, emit: Emit, findings: Findings) -> None:
        from train_core.workshop.common.report import Report  # noqa: PLC0415 - settings are checked without it

        named(job.entry)(config, Report(emit, run_dir))
        emit(Finished(status="completed", path=None, step=None))

    return use


def end_process(code: int) -> None:
    """End this process at once if it trained with others, when all have finished.

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


def _failed(emit: Emit, error: UserError) -> int:
    """Report why the job ends."""
    emit_problems(emit, ErrorEvent, error.problems)
    emit(Finished(status="failed", path=None, step=None))
    return FAILED


def _nowhere(event: Event) -> None:
    """Receiver that drops the events of processes other than the main one."""

"""Training followed in the terminal: the page's launcher, events as lines and a bar, Ctrl-C as a stop request."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kohya_gui.i18n.spoken import error, spoken, warning
from kohya_gui.runs import control
from kohya_gui.runs.contact_sheet import write_contact_sheet
from kohya_gui.runs.follow import RunView, console_tail, follower
from kohya_gui.runs.launch import RunHandle, run_on_device, settings_to_resume, start
from kohya_gui.runs.process import recall
from kohya_gui.runs.tools import active_tool
from kohya_gui.runs.trying import clear_tries, settle
from train_core.config.clean_paths import clean_path
from train_core.config.files import Overrides, read_config, read_job
from train_core.config.job import Job, Tool
from train_core.config.jobs.table import job_of
from train_core.config.jobs.train import TrainConfig
from train_core.config.paths import LAST_STATE
from train_core.config.phrases import Phrase, phrase
from train_core.config.places import home, program_presets_dir, runs_dir
from train_core.config.problems import Problem, UserError
from train_core.events.kinds import WarningEvent
from train_core.events.printing import Printer
from train_core.events.reading import Follower
from train_core.facts.preflight import findings_of
from train_core.facts.run.run_folders import run_folder_of

EXIT_CODES = {"completed": 0, "paused": 0, "stopped": 130}
FAILED = 1
POLL = 0.2  # seconds


def run(name: str, config_path: Path | None, overrides: Overrides) -> int:
    """Do a job with the settings of a file and follow it. Returns 0 when it completed, 130 when stopped, else 1."""
    try:
        job = job_of(name)
        settings, warnings = _settings(job, config_path, overrides)
        return EXIT_CODES.get(_do(job, settings, warnings).status, FAILED)
    except UserError as refused:
        return _refuse(refused)
    except BrokenPipeError:  # whoever reads has read enough, as `| head` does
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - the interpreter flushes it as it ends
        return FAILED


def _settings(job: type[Job], config_path: Path | None, overrides: Overrides) -> tuple[Job, tuple[Problem, ...]]:
    """The settings of `job`, or those of the run to resume, and warnings about them. Raises `UserError`."""
    run_dir = run_folder_of(config_path)
    if job is TrainConfig and run_dir is not None and str(overrides.get("resume", "")).lower() == LAST_STATE:
        return settings_to_resume(run_dir, overrides), ()
    return read_job(job, config_path, overrides)


def _do(job: type[Job], settings: Job, warnings: Sequence[Problem] = ()) -> RunView:
    """Start `job` if its settings, and then what else is running, allow it, and follow it to its end.

    Raises `UserError` if they do not; no run is left behind then.
    """
    for found in warnings:
        _say(warning(found))
    findings = findings_of(job.of(settings))
    if findings.problems:
        for found in findings.warnings:
            _say(warning(found))
        raise UserError(*findings.problems)
    if not job.keeps_run:
        clear_tries()
    handle = start(job, settings)
    if not issubclass(job, Tool) and job.keeps_run:
        _say(phrase("run_folder", "Run folder: {path}", path=handle.folder))
    view = run_in_terminal(handle, [str(found) for found in warnings])
    if not job.keeps_run:
        settle(handle.folder)
    return view


def demo(output_dir: Path | None = None) -> int:
    """Train the demo preset into `output_dir` and show where everything is. Exit codes are those of `train`."""
    folder = Path(clean_path(str(output_dir or home() / "demo"))).expanduser().absolute()
    began = time.monotonic()
    try:
        config = read_config(program_presets_dir() / "lora" / "demo.json", {"output_dir": str(folder)}).config
        view = _do(TrainConfig, config)
    except UserError as refused:
        return _refuse(refused)
    if view.status == "completed":
        _say_demo_results(view, config, time.monotonic() - began)
    return EXIT_CODES.get(view.status, FAILED)


def _say_demo_results(view: RunView, config: TrainConfig, seconds: float) -> None:
    result = Path(view.result)
    _say("")
    _say(phrase("demo_done", "The demo is done, after {time}.", time=_duration(seconds)))
    _say(phrase("demo_result", "  LoRA file       {path}", path=result))
    if view.samples:
        sheet = _unused(result.with_name(f"{result.stem}-contact-sheet.png"))
        write_contact_sheet(view.samples, sheet)
        _say(phrase("demo_sheet", "  contact sheet   {path}", path=sheet))
        _say(phrase("demo_samples", "  sample pictures {path}", path=view.samples[-1].path.parent))
    _say(phrase("demo_run", "  run folder      {path}", path=runs_dir() / view.id))
    _say(phrase("demo_base", "  base model      {path}", path=config.model.pretrained_model_name_or_path))
    _say(
        phrase(
            "demo_use",
            "To use it: put the LoRA file into your software's LoRA folder and load it on the base model above. For "
            "your own images, choose your own base model; {command} opens the page with this preset loaded.",
            command="gui.bat" if sys.platform == "win32" else "./gui.sh",
        )
    )


def _unused(path: Path) -> Path:
    """`path`, numbered if something has that name already."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found


def run_in_terminal(handle: RunHandle, told: Collection[str] = ()) -> RunView:
    """Show a run that was started until it ends, and return how it ended. Warnings already `told` are not repeated."""
    _follow(handle, Screen(handle.folder, told))
    view = follower(handle.folder).view()
    if view.status not in EXIT_CODES:
        _say_failure(handle.folder, view)
    return view


def _follow(handle: RunHandle, screen: Screen) -> None:
    """Show the run's events until its process has ended; the first Ctrl-C asks it to stop, the second kills it."""
    answered = 0
    with counted_interrupts() as interrupts:
        while True:
            ended = handle.process.poll() is not None  # asked before reading, so that no last event is missed
            screen.show_new()
            if ended:
                break
            if len(interrupts) > answered:
                answered += 1
                screen.line(_interrupt(handle.folder, answered))
            time.sleep(POLL)
    screen.close()


@contextmanager
def counted_interrupts() -> Iterator[list[int]]:
    """A list that grows with each Ctrl-C, instead of an exception that could come in the middle of anything."""
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(folder: Path, count: int) -> Phrase:
    if count == 1:
        control.stop(folder)
        return phrase(
            "run_stopping",
            "Stopping; training first saves what it has learnt. Press Ctrl-C again to end at once without saving.",
        )
    control.kill(folder)
    return phrase("run_killed", "Ended without saving.")


class Screen:
    """Shows the events that a run's process writes to its file, and lines of ours between them.

    The process reads the settings once more, so it finds again what was `told` of them before the start.
    """

    def __init__(self, folder: Path, told: Collection[str] = ()) -> None:
        self._told = told
        identity = recall(folder)
        before = identity.events_before if identity else None
        self._events = Follower(folder / "events.jsonl", before or 0)  # a resumed run has older events
        self._printer = Printer(folder, spoken)
        self.line, self.close = self._printer.line, self._printer.close

    def show_new(self) -> None:
        """Show what the job has written since the last call."""
        for event in self._events.new():
            if not (isinstance(event, WarningEvent) and event.text in self._told):
                self._printer.show(event)


def _say_failure(folder: Path, view: RunView) -> None:
    """Show what a failed or lost run left behind; errors that came as events were already shown."""
    if view.status == "lost":
        for found in view.errors:
            _say(error(found))
    if not view.errors or view.status == "lost":
        _say(phrase("last_lines", "The last lines of its console:"))
        _say("\n".join(console_tail(folder / "console.log").splitlines()[-20:]))
    _say(phrase("whole_console", "The full console output is in {path}", path=folder / "console.log"))


def _refuse(refused: UserError) -> int:
    for found in refused.problems:
        print(spoken(error(found)), file=sys.stderr)
        if (busy := _busy_folder(found)) is not None:
            print("\n".join(map(spoken, _how_to_reach(busy))), file=sys.stderr)
    return FAILED


def _busy_folder(found: Problem) -> Path | None:
    """The folder of the run whose going on is the problem, if it is that."""
    if found.code == "run_active":
        running = run_on_device()
        return running.folder if running else None
    if found.code == "tool_active":
        return active_tool()
    return runs_dir() / found.params["name"] if found.code == "resume_running" else None


def _how_to_reach(folder: Path) -> list[Phrase]:
    """Ways to see and to stop the run in `folder` from any terminal."""
    console, request = folder / "console.log", folder / "control" / "stop"
    if sys.platform == "win32":
        look = phrase("look_in_file", "read {path}", path=console)
        stop = phrase("create_empty_file", "create an empty file {path}", path=request)
    else:
        look = Phrase(f"tail -f {shlex.quote(str(console))}")
        stop = Phrase(f"touch {shlex.quote(str(request))}")
    return [
        phrase("how_to_see", "To see what it does:  {command}", command=look),
        phrase("how_to_stop", "To stop it:  {command}", command=stop),
        phrase("how_to_interrupt", "Or press Ctrl-C in the terminal where it was started, or use the page."),
    ]


def _say(text: str) -> None:
    print(spoken(text), flush=True)


def _duration(seconds: float) -> Phrase:
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return phrase("seconds", "{seconds} s", seconds=rest)
    return phrase("minutes", "{minutes} min {seconds} s", minutes=minutes, seconds=rest)

"""The queue in the terminal: listing, changing and running the same queue that pages show."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from kohya_gui.i18n.spoken import error, in_columns, spoken, warning
from kohya_gui.runs.follow import console_tail
from kohya_gui.runs.launch import settings_to_resume
from kohya_gui.runs.naming import run_named, settings_of_past_run
from kohya_gui.runs.queue import queueing
from kohya_gui.runs.queue.listing import Listed, listed
from kohya_gui.runs.queue.queue_file import Entry, Queue, WhenEmpty, load
from kohya_gui.runs.queue.runner import POLL, Happening, Runner, is_run, runner_lock
from kohya_gui.runs.queue.times import clock, parse_time
from kohya_gui.runs.registry import read_run
from kohya_gui.runs.terminal import Screen, counted_interrupts
from train_core.config.clean_paths import clean_path
from train_core.config.existing import is_file
from train_core.config.files import Overrides, read_job, read_tables
from train_core.config.jobs.table import job_of
from train_core.config.jobs.train import TrainConfig
from train_core.config.paths import LAST_STATE
from train_core.config.phrases import Phrase, joined, phrase
from train_core.config.places import runs_dir
from train_core.config.problems import UserError, problem
from train_core.facts.run.run_folders import SETTINGS, job_in, run_folder_of

INTERRUPTED = 130
RUN, STAY_ON = "./gui.sh queue run", "./gui.sh queue stay-on"
SHOWN_LINES = 5  # of a lost run's console
STANDING = {
    "running": phrase("standing_running", "running"), "waiting": phrase("standing_waiting", "waiting"),
    "refused": phrase("standing_refused", "refused"), "ended": phrase("standing_ended", "ended"),
    "gone": phrase("standing_gone", "gone"),
}  # fmt: skip
ENDED = {
    "completed": phrase("ended_completed", "Completed"), "stopped": phrase("ended_stopped", "Stopped"),
    "paused": phrase("ended_paused", "Paused"), "failed": phrase("ended_failed", "Failed"),
    "lost": phrase("ended_lost", "Lost"),
}  # fmt: skip
PLACES: dict[str, Callable[[int, int], int]] = {
    "up": lambda old, _: old - 1, "down": lambda old, _: old + 1, "first": lambda *_: 0, "last": lambda _, last: last,
}  # fmt: skip


def do(action: str, words: Sequence[str], overrides: Overrides, at: str) -> int:
    """Do one action of `./gui.sh queue` with its words and return the exit code. Raises `UserError`."""
    if action == "run":
        return run_queue()
    if action == "add":
        for file in words:
            resumes = str(overrides.get("resume", "")).lower() == LAST_STATE
            path = settings_of_past_run(file) if resumes else _file(file)
            entry = add_file(path, overrides, parse_time(at, time.time()))
            _say(phrase("queue_added", "Added: {run}", run=entry.run))
        return _hint_of_runner()
    if action == "edit":
        edit(_one(words), overrides)
    elif action in ("remove", "retry"):
        for run in _all(words):
            (queueing.take_out if action == "remove" else queueing.retry)(run)
    elif action == "move":
        queueing.move(_one(words[:1]), _place(words[1:]))
    elif action in ("pause", "resume"):
        queueing.pause(action == "pause")
    elif action == "at":
        runs = _all(words[1:]) if words[1:] else [one.entry.run for one in _not_started(load())]
        queueing.start_at(runs, parse_time(words[0], time.time()))
    elif action == "at-once":
        queueing.run_at_once(_number(words))
    elif action == "when-empty":
        _choose_the_end(words)
    elif action == "stay-on":
        queueing.stay_on()
    return show()


def show() -> int:
    """Print the queue."""
    queue, now = load(), time.time()
    runs = listed(queue)
    _say(_headline(queue, runs))
    for number, one in enumerate(runs, 1):
        _say(f"{number:>3}  {in_columns(spoken(STANDING[one.standing]), 8)}  {one.entry.run}{_detail(one, now)}")
        for found in one.entry.refused:
            _say(f"     {spoken(error(found))}")
    if queue.trouble is not None:
        _say(error(queue.trouble))
    if queue.power_off_at:
        _say(
            phrase(
                "queue_power_off",
                "The machine is switched off in {seconds} s. Cancel it with: {command}",
                seconds=max(0, round(queue.power_off_at - now)), command=STAY_ON,
            )
        )
    return 0


def _headline(queue: Queue, runs: Sequence[Listed]) -> str:
    counts = {standing: sum(one.standing == standing for one in runs) for standing in ("running", "waiting", "refused")}
    told = [
        phrase("count_standing", "{count} {standing}", count=count, standing=STANDING[standing])
        for standing, count in counts.items() if count
    ]  # fmt: skip
    held = joined("comma", told) if told else phrase("queue_holds_nothing", "nothing in it")
    facts = [phrase("queue_holds", "Queue: {held}", held=held)]
    facts += [phrase("queue_paused", "paused")] if queue.paused else []
    facts += [phrase("queue_at_once", "{count} at once on a device", count=queue.at_once)] if queue.at_once > 1 else []
    if queue.when_empty != "nothing":
        words = {
            "notify": phrase("end_notify", "say so on the page"), "command": Phrase(" ".join(queue.command)),
            "power_off": phrase("end_power_off", "power off"),
        }  # fmt: skip
        facts.append(phrase("queue_when_empty", "when empty: {what}", what=words[queue.when_empty]))
    if counts["waiting"] and not queue.paused and not is_run():
        facts.append(phrase("queue_nobody", "nobody runs it; open the page or use: {command}", command=RUN))
    return joined("semicolon", facts)


def _detail(one: Listed, now: float) -> str:
    if one.standing == "running" and one.info is not None and one.info.total_steps:
        step = phrase("step_of", "step {step} of {total}", step=one.info.step, total=one.info.total_steps)
        return f"  {spoken(step)}"
    if one.entry.not_before <= now:
        return ""
    return f"  {spoken(phrase('not_before', 'not before {time}', time=clock(one.entry.not_before, now)))}"


def add_file(path: Path, overrides: Overrides, not_before: float = 0.0) -> Entry:
    """Let a run with the settings in the file at `path` wait, or a run that was prepared or is to be resumed.

    A file that names another job than training is for that job. Raises `UserError`.
    """
    folder = run_folder_of(path)
    if folder is not None and str(overrides.get("resume", "")).lower() == LAST_STATE:
        return queueing.add(TrainConfig, settings_to_resume(folder, overrides), not_before)
    info = read_run(folder) if folder is not None else None
    if folder is not None and info is not None and info.status == "queued" and not overrides:
        queueing.check_run(folder)
        return queueing.enqueue(folder, not_before)
    job = job_of(str(read_tables(path).get("job") or TrainConfig.job_name))
    settings, warnings = read_job(job, path, overrides)
    for found in warnings:
        _say(warning(found))
    return queueing.add(job, settings, not_before)


def edit(run: str, overrides: Overrides) -> None:
    """Change settings of a run that waits."""
    folder = runs_dir() / run
    job = job_in(folder) or TrainConfig
    queueing.edit(run, job, read_job(job, folder / SETTINGS, overrides)[0])


def run_queue() -> int:
    """Run the queue until nothing waits or runs any more, showing what happens. Ctrl-C leaves what runs alone."""
    with runner_lock() as mine, counted_interrupts() as interrupts:
        if not mine:
            raise UserError(
                problem(
                    "queue_is_run",
                    "The page or another terminal runs this queue already, so there is nothing to do here. To watch "
                    "it: ./gui.sh queue",
                )
            )
        show()
        watch = Watch()
        runner = Runner(watch.tell)
        while runner.look() and not interrupts:
            watch.show_new()
            time.sleep(POLL)
        watch.close()
    if interrupts:
        _say(
            phrase(
                "queue_stands_still",
                "The queue stands still until the page or '{command}' takes it up. What runs goes on.", command=RUN,
            )
        )
        return INTERRUPTED
    return 0


class Watch:
    """Shows what the runner does, and the events of the run that is at work; of several, those of the first."""

    def __init__(self) -> None:
        self._screen: Screen | None = None
        self._run = ""

    def tell(self, happening: Happening) -> None:
        """Show something that the runner has done or seen."""
        if happening.run == self._run:
            self.close()
        if happening.what == "started":
            _say(phrase("queue_started", "Started: {run}", run=happening.run))
        elif happening.what == "refused":
            _say(phrase("queue_refused", "Not started: {run}", run=happening.run))
            for found in happening.problems:
                _say(f"  {spoken(error(found))}")
        elif happening.what == "ended":
            _say_how_it_ended(happening.run)
        else:
            _say(phrase("queue_is_empty", "The queue is empty."))

    def show_new(self) -> None:
        """Show the newest events."""
        if self._screen is None:
            first = next((one for one in listed(load()) if one.standing == "running"), None)
            if first is None:
                return
            self._screen, self._run = Screen(first.folder), first.entry.run
        self._screen.show_new()

    def close(self) -> None:
        """Show the last events of the run that is shown, and leave its line."""
        if self._screen is not None:
            self._screen.show_new()
            self._screen.close()
        self._screen, self._run = None, ""


def _say_how_it_ended(run: str) -> None:
    info = read_run(runs_dir() / run)
    if info is None:
        _say(phrase("queue_deleted", "Deleted: {run}", run=run))
        return
    _say(phrase("queue_ended", "{how}: {run}", how=ENDED.get(info.status, info.status.capitalize()), run=run))
    if info.status == "lost":
        _say("\n".join(console_tail(info.folder / "console.log").splitlines()[-SHOWN_LINES:]))


def _hint_of_runner() -> int:
    if not is_run():
        _say(phrase("queue_hint", "Nobody runs the queue now: open the page, or use: {command}", command=RUN))
    return 0


def _choose_the_end(words: Sequence[str]) -> None:
    chosen = words[0].replace("-", "_")
    known = get_args(WhenEmpty)
    if chosen not in known:
        raise UserError(
            problem(
                "queue_when_empty", "{text} cannot be done when the queue is empty. Choose one of {known}.",
                text=repr(chosen), known=", ".join(name.replace("_", "-") for name in known),
            )
        )
    what: WhenEmpty = next(name for name in known if name == chosen)
    queueing.when_empty(what, words[1:] or None)


def _not_started(queue: Queue) -> list[Listed]:
    return [one for one in listed(queue) if one.standing in ("waiting", "refused")]


def _all(words: Sequence[str]) -> list[str]:
    """The runs of the queue that `words` name, by their numbers in the list or by name. Raises `UserError`."""
    runs = [entry.run for entry in load().entries]
    return [run_named(word, runs) for word in words]


def _one(words: Sequence[str]) -> str:
    return _all(words)[0]


def _file(word: str) -> Path:
    """The settings file that `word` names: a path, a run's folder, or a run. Raises `UserError` if there is none."""
    path = Path(clean_path(word)).expanduser().absolute()
    for found in (path / SETTINGS, runs_dir() / word / SETTINGS):
        if word and is_file(found):
            return found
    return path


def _place(words: Sequence[str]) -> Callable[[int, int], int]:
    word = words[0] if words else ""
    if word.isdecimal():
        return lambda *_: int(word) - 1
    if word in PLACES:
        return PLACES[word]
    raise UserError(
        problem("queue_place", "{text} is not a place. Write a number, or one of {known}.", text=repr(word),
                known=", ".join(PLACES))
    )


def _number(words: Sequence[str]) -> int:
    return int(words[0]) if words[0].isdecimal() else 0


def _say(text: str) -> None:
    print(spoken(text), file=sys.stdout, flush=True)

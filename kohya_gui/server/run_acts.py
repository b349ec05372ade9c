"""What people can do with runs and with the queue over the page's own routes (server/runs.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from kohya_gui.preferring import name_webui
from kohya_gui.runs import control
from kohya_gui.runs.details.choosing import mark, use_step
from kohya_gui.runs.details.sending import send
from kohya_gui.runs.history.deleting import delete
from kohya_gui.runs.history.notes import write_note
from kohya_gui.runs.launch import settings_to_resume
from kohya_gui.runs.queue import queueing
from kohya_gui.runs.queue.afterwards import ask
from kohya_gui.runs.queue.editing import edit_text
from kohya_gui.runs.queue.queue_file import WhenEmpty
from kohya_gui.runs.queue.times import parse_time
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import home
from train_core.config.problems import UserError, cause_of, problem
from train_core.facts.grids.templates import TEMPLATES
from train_core.facts.run.run_folders import SETTINGS
from train_core.facts.run.writable import not_written

MOST_DIGITS = 12  # of a step
FILE = "file "  # begins the name of a field that chooses a file


@dataclass(frozen=True)
class Done:
    """What was done: a text to say about it, by its key and with `params`, and the settings to put into the form."""

    told: str = ""
    load: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """An action that was asked for: the run it is about, "" if it is about the queue, and what was chosen or typed."""

    run: str
    fields: Mapping[str, str]

    def typed(self, name: str) -> str:
        """What was typed into the field `name`."""
        return self.fields.get(name, "")

    @property
    def at_work(self) -> Path:
        """The folder of the run, which is at work. Raises `UserError` if it is not."""
        return control.find_active(self.run).folder


def do(act: str, asked: Asked) -> Done:
    """Do `act`. Raises `UserError` if it cannot be done, or if there is no such action."""
    action = ACTS.get(act)
    if action is None:
        raise UserError(
            problem("no_such_act", "The page is older than the program. Load it again (F5), then try again.")
        )
    return action(asked)


def _ask(request: Callable[[Path], object], told: str) -> Callable[[Asked], Done]:
    """An action that asks the run for something."""

    def act(asked: Asked) -> Done:
        request(asked.at_work)
        return Done(told)

    return act


def _quietly(change: Callable[[Asked], object]) -> Callable[[Asked], Done]:
    """An action whose result is seen in the lists."""

    def act(asked: Asked) -> Done:
        change(asked)
        return Done()

    return act


def _resume(asked: Asked) -> Done:
    queueing.add(TrainConfig, settings_to_resume(control.find_known(asked.run)))
    return Done("ui.told.resume")


def _load(asked: Asked) -> Done:
    return Done(load=str(control.find_known(asked.run) / SETTINGS))


def _use(asked: Asked) -> Done:
    folder, step = control.find_known(asked.run), asked.typed("value")
    copy = use_step(folder, int(step) if step.isdecimal() and len(step) < MOST_DIGITS else 0)
    return Done("ui.told.used", params={"file": str(copy)})


def _send(asked: Asked) -> Done:
    """Send the files that were chosen to the WebUI that was chosen, or whose folder was typed."""
    names = [name.removeprefix(FILE) for name in asked.fields if name.startswith(FILE)]
    if not names:
        raise UserError(problem("no_file_chosen", "No file is chosen. Tick at least one."))
    folder, webui = control.find_known(asked.run), name_webui(asked.typed("other") or asked.typed("to"))
    sent = [send(folder, name, webui) for name in names]
    if all(one.already for one in sent):
        return Done("ui.told.sent_before", params={"file": str(sent[-1].path)})
    return Done("ui.told.sent", params={"file": ", ".join(one.path.name for one in sent if not one.already),
                                        "folder": str(sent[-1].path.parent)})  # fmt: skip


def _evaluate_after(asked: Asked) -> Done:
    """Let a grid be drawn once the run has ended, or take that back."""
    template = asked.typed("template")
    try:
        ask(control.find_known(asked.run).name, template if template in ("own", *TEMPLATES) else "")
    except OSError as error:
        raise UserError(not_written(home(), cause_of(error))) from error
    return Done("ui.told.evaluate_after" if template else "ui.told.evaluate_never")


def _delete(with_files: bool) -> Callable[[Asked], Done]:
    def act(asked: Asked) -> Done:
        found = delete(asked.run, with_files)
        return Done("ui.told.deleted_partly" if with_files and found.changed else "ui.told.deleted")

    return act


def _when_empty(asked: Asked) -> None:
    chosen = asked.typed("value")
    what: WhenEmpty = next((name for name in get_args(WhenEmpty) if name == chosen), "nothing")
    queueing.when_empty(what)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 else 0


ACTS: Mapping[str, Callable[[Asked], Done]] = {
    "pause": _ask(control.pause, "ui.pause.asked"),
    "stop": _ask(control.stop, "ui.stop.asked"),
    "save": _ask(control.save, "ui.told.save"),
    "sample": _ask(control.sample, "ui.told.sample"),
    "kill": _ask(control.kill, ""),
    "resume": _resume,
    "load": _load,
    "note": _quietly(lambda asked: write_note(control.find_known(asked.run), asked.typed("note"), asked.typed("tags"))),
    "mark": _quietly(lambda asked: mark(control.find_known(asked.run), asked.typed("picture"), asked.typed("value"))),
    "use": _use,
    "send": _send,
    "evaluate_after": _evaluate_after,
    "delete": _delete(with_files=False),
    "delete_files": _delete(with_files=True),
    "up": _quietly(lambda asked: queueing.move(asked.run, lambda old, _: old - 1)),
    "down": _quietly(lambda asked: queueing.move(asked.run, lambda old, _: old + 1)),
    "remove": _quietly(lambda asked: queueing.take_out(asked.run)),
    "retry": _quietly(lambda asked: queueing.retry(asked.run)),
    "at": _quietly(lambda asked: queueing.start_at([asked.run], parse_time(asked.typed("time"), time.time()))),
    "edit": _quietly(lambda asked: edit_text(asked.run, asked.typed("settings"))),
    "queue_pause": _quietly(lambda _: queueing.pause()),
    "queue_go": _quietly(lambda _: queueing.pause(paused=False)),
    "at_once": _quietly(lambda asked: queueing.run_at_once(_number(asked.typed("value")))),
    "when_empty": _quietly(_when_empty),
    "stay_on": _quietly(lambda _: queueing.stay_on()),
}

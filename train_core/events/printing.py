"""Events as text in a terminal: a line for each single event, a bar for progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from train_core.config.phrases import Phrase, joined, phrase
from train_core.events.event import Event
from train_core.events.kinds import Finished, Progress, Stage
from train_core.events.stages import TRAINING, stage_title

SECONDS_BETWEEN_LINES = 10.0  # where there is no terminal, and so no bar
ENDS = {
    "completed": phrase("run_complete", "The run is complete."),
    "stopped": phrase("run_stopped", "The run was stopped."),
    "paused": phrase("run_paused", "The run is paused."),
}
FAILED = phrase("run_failed", "The run failed.")


def lines_of(event: Event) -> list[str]:
    """Every line that may be printed of `event` where there is no bar, mostly as `Phrase`s."""
    if isinstance(event, Stage):
        begun = phrase("stage_begins", "{title} …", title=stage_title(event.name))
        return [begun, _counted(stage_title(event.name), event.done or 0, event.total)] if event.total else [begun]
    if isinstance(event, Progress):
        return [_progress_line(event)]
    if isinstance(event, Finished):
        return [ENDS.get(event.status, FAILED)]
    words = event.words()
    return [words] if words else []


def _counted(title: str, done: int, total: int) -> Phrase:
    return phrase("stage_counts", "{title}: {done} of {total}", title=title, done=done, total=total)


def _progress_line(event: Progress) -> Phrase:
    parts = [_counted(stage_title(TRAINING), event.step, event.total_steps), *_tail(event)]
    if event.speed:
        parts.append(phrase("steps_per_second", "{speed} steps/s", speed=f"{event.speed:.2f}"))
    return joined("clause", parts)


def _tail(event: Progress) -> list[Phrase]:
    """Epoch and average loss, which a bar shows behind it."""
    tail = [phrase("epoch_of", "epoch {epoch}/{epochs}", epoch=event.epoch, epochs=event.epochs)]
    if event.average is not None:
        tail.append(phrase("loss_now", "loss {loss}", loss=f"{event.average:.4f}"))
    return tail


class Printer:
    """Prints a job's events. `folder` is the run's, if there is one; it is named where that helps.

    `say` puts what is printed into another language.
    """

    def __init__(self, folder: Path | None = None, say: Callable[[str], str] = str) -> None:
        self._folder = folder
        self._say = say
        self._bar: tqdm | None = None
        self._stage = ""
        self._last_line = float("-inf")

    def show(self, event: Event) -> None:
        """Show one event. Kinds other than the three below give their own text.

        If the console is a file on a full drive, nothing is shown; if it is closed, BrokenPipeError is raised.
        """
        try:
            self._show(event)
        except BrokenPipeError:
            raise
        except OSError:
            return  # there is nowhere left to report it

    def _show(self, event: Event) -> None:
        if isinstance(event, Stage):
            self._show_stage(event)
        elif isinstance(event, Progress):
            self._show_progress(event)
        elif isinstance(event, Finished):
            self._show_end(event)
        elif text := event.words():
            self.line(text)

    def line(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        text = self._say(text)
        if self._bar is not None and not self._bar.disable:
            tqdm.write(text, file=sys.stdout)
        else:
            print(text, flush=True)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show_stage(self, event: Stage) -> None:
        begun, *counted = lines_of(event)
        if event.name != self._stage:
            self._begin(event.name)
            self.line(begun)
        if event.total and event.name != TRAINING:
            self._move(counted[0], stage_title(event.name), event.done or 0, event.total)

    def _show_progress(self, event: Progress) -> None:
        if self._stage != TRAINING:
            self._begin(TRAINING)
        tail = joined("clause", _tail(event))
        self._move(_progress_line(event), stage_title(TRAINING), event.step, event.total_steps, tail)

    def _show_end(self, event: Finished) -> None:
        self.close()
        self.line(lines_of(event)[0])
        if event.status == "paused" and self._folder is not None:
            again = f"train {self._folder} --resume last"
            self.line(phrase("resume_with", "Resume it on the page, or with: {command}", command=again))

    def _begin(self, stage: str) -> None:
        self.close()
        self._stage = stage

    def _move(self, line: str, title: str, done: int, total: int, tail: str = "") -> None:
        """Move the bar to `done`, with `tail` behind it; without a terminal, print `line` now and then."""
        if self._bar is None:
            self._bar = tqdm(
                initial=done, total=total, desc=self._say(title), dynamic_ncols=True, disable=None,
                file=sys.stdout, unit="step" if self._stage == TRAINING else "it",
            )
        if not self._bar.disable:
            self._bar.total = total
            self._bar.set_postfix_str(self._say(tail), refresh=False)
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES or done == total:
            self._last_line = time.monotonic()
            self.line(line)

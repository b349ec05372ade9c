"""Events as text in a terminal: a line for each single event, a bar for progress."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tqdm import tqdm

from train_core.events.event import Event
from train_core.events.kinds import Finished, Progress, Stage

SECONDS_BETWEEN_LINES = 10.0  # where there is no terminal, and so no bar
TRAINING = "training"
STAGES = {
    "checking": "Checking the settings and images",
    "loading": "Loading the model",
    "caching": "Encoding the images",
    TRAINING: "Training",
    "sampling": "Drawing samples",
    "drawing": "Drawing class images",
    "saving": "Saving",
}
ENDS = {"completed": "The run is complete.", "stopped": "The run was stopped.", "paused": "The run is paused."}


class Printer:
    """Prints a job's events. `folder` is the run's, if there is one; it is named where that helps."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._bar: tqdm | None = None
        self._stage = ""
        self._last_line = float("-inf")

    def show(self, event: Event) -> None:
        """Show one event. Kinds other than the three below give their own text."""
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
        title = STAGES.get(event.name, event.name)
        if event.name != self._stage:
            self._begin(event.name)
            self.line(f"{title} …")
        if event.total and event.name != TRAINING:
            self._move(title, event.done or 0, event.total, "")

    def _show_progress(self, event: Progress) -> None:
        if self._stage != TRAINING:
            self._begin(TRAINING)
        tail = f"epoch {event.epoch}/{event.epochs}"
        if event.average is not None:
            tail += f", loss {event.average:.4f}"
        self._move(STAGES[TRAINING], event.step, event.total_steps, tail, event.speed)

    def _show_end(self, event: Finished) -> None:
        self.close()
        self.line(ENDS.get(event.status, "The run failed."))
        if event.status == "paused" and self._folder is not None:
            self.line(f"Resume it on the page, or with: train {self._folder} --resume last")

    def _begin(self, stage: str) -> None:
        self.close()
        self._stage = stage

    def _move(self, title: str, done: int, total: int, tail: str, speed: float | None = None) -> None:
        if self._bar is None:
            self._bar = tqdm(
                initial=done, total=total, desc=title, dynamic_ncols=True, disable=None, file=sys.stdout,
                unit="step" if self._stage == TRAINING else "it",
            )
        if not self._bar.disable:
            self._bar.total = total
            self._bar.set_postfix_str(tail, refresh=False)
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES or done == total:
            self._last_line = time.monotonic()
            said = [f"{title}: {done} of {total}", tail, f"{speed:.2f} steps/s" if speed else ""]
            self.line(", ".join(part for part in said if part))

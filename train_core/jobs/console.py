"""The event stream as a person reads it in a terminal: a progress bar there, plain lines in a file."""

from __future__ import annotations

import sys
import time
from typing import Any

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


LONGEST = 100  # characters of a table's cell


def _cell(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


class Console:
    """Prints events. Takes the same calls as `EventLog.write`."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._last_line = 0.0

    def write(self, kind: str, **fields: Any) -> None:
        """Print one event in words; unknown kinds print nothing."""
        handler = getattr(self, f"_{kind}", None)
        if handler:
            handler(**fields)

    def _say(self, text: str) -> None:
        if self._bar is not None:
            tqdm.write(text, file=sys.stdout)
        else:
            print(text, flush=True)

    def _started(self, output_name: str, total_steps: int = 0, **_: Any) -> None:
        if not total_steps:
            return
        self._say(f"Training {output_name}: {total_steps} steps.")
        if sys.stdout.isatty():
            self._bar = tqdm(total=total_steps, unit="step", dynamic_ncols=True, file=sys.stdout)

    def _stage(self, name: str, done: int | None = None, total: int | None = None, **_: Any) -> None:
        if done is None or done in (0, total):
            self._say(f"{name}" + (f" {done}/{total}" if total else ""))

    def _progress(self, step: int, total_steps: int, epoch: int, epochs: int, average: float, speed: float,
                  **_: Any) -> None:
        if self._bar is not None:
            self._bar.set_postfix(epoch=f"{epoch}/{epochs}", loss=f"{average:.4f}", refresh=False)
            self._bar.update(step - self._bar.n)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES or step == total_steps:
            self._last_line = time.monotonic()
            self._say(f"step {step}/{total_steps}, epoch {epoch}/{epochs}, loss {average:.4f}, {speed:.2f} steps/s")

    def _sample(self, path: str, **_: Any) -> None:
        self._say(f"sample {path}")

    def _saved(self, path: str, **_: Any) -> None:
        self._say(f"saved {path}")

    def _validation(self, epoch: int, loss: float | None, **_: Any) -> None:
        self._say(f"validation loss {loss:.4f}, epoch {epoch}" if loss is not None else "validation loss: not a number")

    def _table(self, name: str, columns: list[str], rows: list[list[Any]], **_: Any) -> None:
        texts = [[_cell(value) for value in row] for row in rows]
        widths = [max(len(line[place]) for line in [columns, *texts]) for place in range(len(columns))]
        self._say(f"{name}:")
        for line in [columns, *texts]:
            self._say("  " + "  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip())

    def _notice(self, text: str, **_: Any) -> None:
        self._say(text)

    def _rate_found(self, suggestions: dict[str, dict[str, float]], steps: int, **_: Any) -> None:
        self._say(f"Rates found in {steps} steps:")
        for name, rates in suggestions.items():
            self._say(f"  {name}: " + ", ".join(f"{setting} = {rate:g}" for setting, rate in rates.items()))

    def _warning(self, text: str, **_: Any) -> None:
        self._say(f"Warning: {text}")

    def _error(self, text: str, **_: Any) -> None:
        self._say(f"Error: {text}")

    def _finished(self, status: str, **_: Any) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._say(f"The run is {status}.")

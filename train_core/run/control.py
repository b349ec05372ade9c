"""Requests to a running job: by files in its run folder or by Ctrl-C, the same on every process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
from accelerate import Accelerator

from train_core.config.problems import UserError
from train_core.events.kinds import Acknowledged, WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.events.requests import REQUESTS, is_requested, take_requests
from train_core.facts.run.rate_changes import RateChange, parse_rate_change


@dataclass(frozen=True)
class Asked:
    """Names of requests, and the requested learning rate, if any."""

    names: frozenset[str]
    rate: RateChange | None = None

    def __contains__(self, name: str) -> bool:
        return name in self.names


class Control:
    """Collects requests on the main process and tells every process of them after each step."""

    def __init__(self, run_dir: Path, accelerator: Accelerator, emit: Emit) -> None:
        self.run_dir = run_dir
        self.accelerator = accelerator
        self.emit = emit
        self._interrupted = False

    @contextmanager
    def catching_interrupts(self) -> Iterator[None]:
        """Within, the first Ctrl-C or termination signal asks for a stop; a second one ends the process as usual."""
        before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
        for name in before:
            signal.signal(name, self._interrupt)
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True

    def requests(self, step: int) -> Asked:
        """Requests since the last call, after `step` steps: the same answer on every process."""
        mine, rate = self._taken(step) if self.accelerator.is_main_process else (set(), None)
        if self._interrupted:
            mine.add("stop")
        if self.accelerator.num_processes == 1:
            return Asked(frozenset(mine), rate)
        flags = [float(name in mine) for name in REQUESTS]
        change = [rate.value, float(rate.relative)] if rate else [0.0, 0.0]
        told = torch.tensor([*flags, *change], dtype=torch.float64, device=self.accelerator.device)
        *counts, value, relative = self.accelerator.reduce(told, "sum").tolist()
        names = frozenset(name for name, count in zip(REQUESTS, counts, strict=True) if count > 0)
        return Asked(names, RateChange(value, relative > 0) if value else None)

    def sees_stop(self) -> bool:
        """Whether a stop waits to be taken, as far as this process can see; cheap enough to ask within a picture."""
        return self._interrupted or is_requested(self.run_dir, "stop")

    def takes_stop(self, step: int) -> bool:
        """Whether a stop was requested, the same answer on every process; it is taken, with whatever else waits."""
        return self.agreed(self.sees_stop()) and "stop" in self.requests(step)

    def agreed(self, answer: bool) -> bool:
        """The main process's `answer`, on every process."""
        if self.accelerator.num_processes == 1:
            return answer
        told = torch.tensor(float(answer and self.accelerator.is_main_process), device=self.accelerator.device)
        return self.accelerator.reduce(told, "sum").item() > 0

    def _taken(self, step: int) -> tuple[set[str], RateChange | None]:
        """The requests in the run folder, acknowledged; an impossible rate is reported and ignored."""
        taken = take_requests(self.run_dir)
        for name, value in taken.items():
            self.emit(Acknowledged(request=name, step=step, value=value))
        try:
            rate = parse_rate_change(taken["learning_rate"]) if "learning_rate" in taken else None
        except UserError as error:
            emit_problems(self.emit, WarningEvent, error.problems)
            rate = None
        return set(taken), rate

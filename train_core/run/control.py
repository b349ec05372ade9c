"""What a running job is asked to do: by files in its run folder, by Ctrl-C, and the same on every process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from accelerate import Accelerator

from train_core.events import REQUESTS, Emit, take_requests


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

    def requests(self) -> set[str]:
        """The requests that have come since the last call, the same set on every process."""
        mine = set(take_requests(self.run_dir)) if self.accelerator.is_main_process else set()
        for name in sorted(mine):
            self.emit("ack", request=name)
        if self._interrupted:
            mine.add("stop")
        if self.accelerator.num_processes == 1:
            return mine
        flags = torch.tensor([float(name in mine) for name in REQUESTS], device=self.accelerator.device)
        flags = self.accelerator.reduce(flags, "sum")
        return {name for name, count in zip(REQUESTS, flags.tolist(), strict=True) if count > 0}

"""A job for tests of the queue: it uses the device until a file says that it may end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from train_core.config.job import Job
from train_core.config.problems import problem
from train_core.config.setting import Section, setting
from train_core.events.event import Event
from train_core.events.kinds import Acknowledged, Finished, Progress, Started
from train_core.events.requests import take_requests
from train_core.facts.preflight import Findings
from train_core.facts.run.processes import birth_of


class WaitSettings(Section, title="Wait"):
    title: str = setting("x", "Name of the run.")
    gate: str = setting("", "The file for which the job waits.")
    broken: str = setting("", "While this file exists, the checks refuse the job.")
    dies: bool = setting(False, "End without a word.")


class Wait(Job, name="wait", entry="waiting_job:work", checks="waiting_job:examine"):
    """Waits."""

    wait: WaitSettings = WaitSettings()

    def run_name(self) -> str:
        return self.wait.title


class WaitBeside(Wait, name="wait_beside", entry="waiting_job:work", uses="cpu"):
    """Waits without a device."""


def examine(config: Wait, _run_dir: Path | None) -> Findings:
    found = problem("broken", "This job is broken.")
    return Findings((found,) if config.wait.broken and Path(config.wait.broken).exists() else (), ())


def work(config: Wait, run_dir: Path, emit: Callable[[Event], None], _findings: Findings) -> None:
    print("waiting", flush=True)
    if config.wait.dies:
        os._exit(9)
    emit(Started(job="wait", output_name=config.wait.title, total_steps=9, pid=os.getpid(), born=birth_of(os.getpid())))
    emit(Progress(step=1, total_steps=9, epoch=1, epochs=1, loss=0.5, average=0.25, lr={}, speed=1.0, eta=1.0))
    while not (config.wait.gate and Path(config.wait.gate).exists()):
        if "stop" in take_requests(run_dir):
            emit(Acknowledged(request="stop", step=1))
            emit(Finished(status="stopped", path=None, step=1))
            return
        time.sleep(0.02)
    emit(Finished(status="completed", path=None, step=9))

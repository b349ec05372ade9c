"""Trainings within the test's own process: the run that is left, what it said, its result and its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from train_core.config.files import read_config
from train_core.config.places import runs_dir
from train_core.events.event import Event
from train_core.events.kinds import Finished, SampleDrawn
from train_core.jobs.train import finish, open_run
from train_core.run.loop import train
from train_core.run.training import Training


def trained(settings: Path, name: str) -> tuple[Training, list[Event]]:
    """Train as the file `settings` says, in the run folder `name`; the run, and what it said."""
    config = read_config(settings).config
    folder, said = runs_dir() / name, list[Event]()
    folder.mkdir(parents=True, exist_ok=True)
    run = open_run(config, folder, said.append)
    if config.samples.sample_at_first and run.step == 0:
        run.upkeep.samples.draw(0, None)
    train(run)
    finish(run, said.append)
    return run, said


def result(said: list[Event]) -> Path:
    """The file that a complete run ended with."""
    last = said[-1]
    assert isinstance(last, Finished)
    assert last.status == "completed"
    assert last.path is not None
    return Path(last.path)


def pictures(said: list[Event]) -> list[np.ndarray]:
    """The sample pictures that a run has drawn, as numbers."""
    return [np.asarray(Image.open(event.path)).astype(int) for event in said if isinstance(event, SampleDrawn)]

"""A home of its own for every test, and runs of the stand-in job."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kohya_gui.runs import launch
from kohya_gui.runs.process import find, identify, kill_trees, recall, remember, spawn
from train_core.config.files import write_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.training import TrainingSettings
from train_core.facts.run.run_folders import new_folder

HERE = Path(__file__).parent
DEMO = Path(__file__).parents[3] / "demo"


@pytest.fixture(autouse=True)
def crucible_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh CRUCIBLE_HOME whose path has a space and letters beyond ASCII."""
    home = tmp_path / "Zuhause – 家 x"
    monkeypatch.setenv("CRUCIBLE_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return home.resolve()


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    """A configuration that the launcher and the checks of its files accept."""
    return TrainConfig(
        dataset=DatasetSettings(train_data_dir=str(DEMO / "images"), resolution="128"),
        model=ModelSettings(pretrained_model_name_or_path=str(DEMO / "base" / "crucible-demo-base.safetensors")),
        training=TrainingSettings(mixed_precision="bf16"),
        output=OutputSettings(output_dir=str(tmp_path / "out"), output_name="x"),
    )


def new_run_folder(name: str) -> Path:
    return new_folder(runs_dir(), name)


def stand_in(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Let the launcher start the stand-in job instead of any other."""
    monkeypatch.setattr(
        launch, "job_words", lambda job, config_file: ["fake_job", mode, "--config_file", str(config_file)]
    )


@pytest.fixture
def run_job(config: TrainConfig) -> Iterator[Callable[..., Path]]:
    """`run_job(mode, steps)` starts the stand-in job and returns its run folder; at the end what runs is killed."""
    folders: list[Path] = []

    def start(mode: str, steps: int | None = None) -> Path:
        folder = new_run_folder("x")
        folders.append(folder)
        write_toml(folder / "config.toml", config)
        if steps is not None:
            (folder / "steps").write_text(str(steps))
        command = [sys.executable, str(HERE / "fake_job.py"), mode, "--config_file", str(folder / "config.toml")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[2])])}
        with (folder / "console.log").open("ab") as console:
            process = spawn(command, folder, environment, console)
        remember(folder, identify(process.pid))
        return folder

    yield start
    for folder in folders:
        identity = recall(folder)
        living = find(identity) if identity is not None else None
        if living is not None:
            kill_trees([living], grace=0.5)


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return once `condition()` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("waited in vain")
        time.sleep(0.05)

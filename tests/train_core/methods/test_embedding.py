"""Textual inversion: new words learn, nothing else does, and samples, resumed runs and files have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from tests.tiny import tiny_file
from tests.tiny_families import file_of
from tests.train_core.jobs.conftest import Prepare
from train_core.config.files import read_config
from train_core.config.places import runs_dir
from train_core.events.event import Event
from train_core.events.kinds import Finished, Resumed, SampleDrawn
from train_core.jobs.train import finish, open_run
from train_core.methods.embedding import Embedding
from train_core.run.loop import train
from train_core.run.training import Training

FILES = {"sd1": tiny_file, "sd2": lambda: file_of("sd2"), "sdxl": lambda: file_of("sdxl")}
WIDTHS = {"sd1": (64,), "sd2": (64,), "sdxl": (64, 128)}
KINDS = list(FILES)
Run = Callable[..., tuple[Training, list[Event]]]


@pytest.fixture
def run(prepare: Prepare) -> Run:
    """A function that trains a word with settings by name; the run, and what it said."""

    def trained(name: str = "word", kind: str = "sd1", **values: Any) -> tuple[Training, list[Event]]:
        settings = {
            "training_method": "textual inversion", "token_string": "zuko", "num_vectors_per_token": "3",
            "learning_rate": 5e-3, "pretrained_model_name_or_path": str(FILES[kind]()), **values,
        }  # fmt: skip
        config = read_config(prepare(name, **settings)).config.in_force()
        folder, said = runs_dir() / name, list[Event]()
        folder.mkdir(parents=True, exist_ok=True)
        done = open_run(config, folder, said.append)
        if config.samples.sample_at_first and done.step == 0:
            done.upkeep.samples.draw(0, None)
        train(done)
        finish(done, said.append)
        return done, said

    return trained


def result(said: list[Event]) -> Path:
    last = said[-1]
    assert isinstance(last, Finished)
    assert last.status == "completed"
    assert last.path is not None
    return Path(last.path)


def pictures(said: list[Event]) -> list[np.ndarray]:
    return [np.asarray(Image.open(event.path)).astype(int) for event in said if isinstance(event, SampleDrawn)]


def word_of(run: Training, place: int = 0) -> Tensor:
    assert isinstance(run.method, Embedding)
    return run.method.vectors[place].detach()


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_learns_alone_and_samples_are_drawn_with_it(run: Run, kind: str) -> None:
    done, said = run(
        kind=kind, sample_prompts="zuko --s 2", sample_at_first=True, sample_every_n_epochs=2, learning_rate=0.5,
    )
    saved = load_file(result(said))
    names = ["emb_params"] if kind != "sdxl" else ["clip_l", "clip_g"]
    assert {name: tuple(saved[name].shape) for name in saved} == {
        name: (3, width) for name, width in zip(names, WIDTHS[kind], strict=True)
    }
    assert torch.equal(torch.cat([saved[name] for name in names], dim=1), word_of(done))
    at_first, at_last = pictures(said)
    assert (at_first != at_last).any()
    modules = done.objective.inputs.family.modules.values()
    assert not [parameter for part in modules for parameter in part.parameters() if parameter.grad is not None]
    assert sum(parameter.numel() for parameter in done.stepper.parameters) == 3 * sum(WIDTHS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_ends_as_if_it_had_never_stopped(run: Run, tmp_path: Path, kind: str) -> None:
    settings = {"kind": kind, "ema_decay": 0.9, "optimizer_type": "Adafactor" if kind == "sd2" else "AdamW"}
    _, whole = run("undisturbed", output_dir=str(tmp_path / "one"), **settings)
    halves = {**settings, "output_dir": str(tmp_path / "two"), "save_state_on_train_end": True}
    run("halves", max_train_epochs=1, **halves)
    _, resumed = run("halves", resume="last", **halves)
    assert [event.step for event in resumed if isinstance(event, Resumed)] == [4]
    ours, theirs = load_file(result(whole)), load_file(result(resumed))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)

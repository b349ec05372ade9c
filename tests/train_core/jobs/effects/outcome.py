"""Runs of the tiny model, each done once, and everything that can be seen of them from outside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from tests.event_lines import Event
from tests.train_core.jobs.conftest import draw_images, write_job
from tests.train_core.jobs.effects.recorder import Pass, Record, record
from tests.train_core.jobs.test_train import run
from train_core.config.places import runs_dir

TAGS = "other, red hair, blue sky"
CAPTIONS = {  # by ending: the captions of the pictures that have one
    ".txt": "zuko dog, tag{number}, " + TAGS,
    ".caption": "a drawing, number {number}",
    ".marked": "zuko dog, tag{number} ||| " + TAGS,
    ".joined": "zuko dog, tag{number}, red hair;;;red eyes, other, blue sky",
    ".semicolons": "zuko dog; tag{number}; other; red hair; blue sky",
}


@dataclass(frozen=True)
class Outcome:
    """A run: its `settings`, events, what the model was shown, and its files. `images` is the folder trained on."""

    settings: dict[str, Any]
    runs: Runs
    images: Path
    out: Path
    events: list[Event]
    record: Record
    curves: dict[str, list[float]]

    def but(self, **changes: Any) -> Outcome:
        """The run that differs from this one in `changes` alone."""
        return self.runs(**self.settings | changes)

    @cached_property
    def passes(self) -> list[Pass]:
        """The passes that something is learnt from, in their order."""
        return [one for one in self.record.passes if one.learns]

    @cached_property
    def measured(self) -> list[Pass]:
        """The passes of validation."""
        return [one for one in self.record.passes if not one.learns]

    @property
    def captions(self) -> list[str]:
        """The captions of all samples that were trained, in their order."""
        return [caption for one in self.passes for caption in one.captions]

    @property
    def pictures(self) -> list[str]:
        """Whose latents were trained."""
        return [picture for one in self.passes for picture in one.pictures]

    @property
    def steps(self) -> int:
        return int(self.events[-1]["step"])

    @property
    def losses(self) -> list[float]:
        """The loss of each step."""
        return self.curves["loss/current"]

    @property
    def rates(self) -> dict[str, list[float]]:
        """Each step's learning rate, by part."""
        return {name.removeprefix("lr/"): rates for name, rates in self.curves.items() if name.startswith("lr/")}

    def told(self, kind: str) -> list[Event]:
        """The events of `kind`."""
        return [event for event in self.events if event["kind"] == kind]

    def files(self, kind: str = "saved") -> list[str]:
        """The names of what was written, from the events of `kind`; all of them are there."""
        paths = [Path(event["path"]) for event in self.told(kind)]
        assert all(path.exists() for path in paths)
        return [path.name for path in paths]

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """Trained tensors, by their names in the file."""
        return load_file(self.events[-1]["path"])

    def weights_after(self, step: int) -> dict[str, Tensor]:
        """Trained tensors after `step`, where every step is saved."""
        return load_file(next(event["path"] for event in self.told("saved") if event["step"] == step))

    @cached_property
    def metadata(self) -> dict[str, str]:
        with safe_open(self.events[-1]["path"], framework="pt") as file:
            return dict(file.metadata())

    @property
    def samples(self) -> list[str]:
        """The parameters that each sample picture says it was drawn with."""
        return [Image.open(event["path"]).info["parameters"] for event in self.told("sample")]


class Runs:
    """Does each run once: asked for the same settings again, it gives the same outcome."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: dict[str, Outcome] = {}
        self._numbers = count()
        self._images = draw_images(folder / "images")
        for caption in self._images.rglob("*.txt"):
            for ending, text in CAPTIONS.items():
                caption.with_suffix(ending).write_text(text.format(number=caption.stem), encoding="utf-8")

    def __call__(self, **settings: Any) -> Outcome:
        """The outcome of one epoch, or what `settings` ask for."""
        wanted = {"output_name": "result", "max_train_epochs": 1, **settings}
        key = json.dumps(wanted, sort_keys=True)
        if key not in self._done:
            self._done[key] = self._train(self._folder / str(next(self._numbers)), wanted)
        return self._done[key]

    def _train(self, folder: Path, settings: dict[str, Any]) -> Outcome:
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CRUCIBLE_HOME", str(folder / "home"))
            kept = record(patch)
            events = run(write_job(folder / "job.toml", self._images, folder / "out", **settings))
            (run_dir,) = runs_dir().iterdir()
        assert events[-1]["status"] == "completed", [event for event in events if event["kind"] == "error"]
        logged = EventAccumulator(str(run_dir / "logs"), size_guidance={"scalars": 0}).Reload()
        curves = {tag: [scalar.value for scalar in logged.Scalars(tag)] for tag in logged.Tags()["scalars"]}
        return Outcome(settings, self, self._images, folder / "out", events, kept, curves)

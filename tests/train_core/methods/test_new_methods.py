"""Jobs that train, draw, save and resume by methods other than an adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.tiny import tiny_file
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.methods.trainings import pictures, result, trained
from train_core.config.sections.model import ModelSettings
from train_core.events.event import Event
from train_core.events.kinds import Resumed
from train_core.facts.importing import open_foreign
from train_core.facts.run.folder_results import read_notes
from train_core.models.family import Family
from train_core.models.load import load_family
from train_core.run.training import Training

WHOLE, WORD = "fine-tuning", "textual inversion"


Run = Callable[..., tuple[Training, list[Event]]]


@pytest.fixture
def run(prepare: Prepare) -> Run:
    """A function that trains with the settings of a job class; the run, and what it said."""

    def with_settings(kind: str, name: str, **values: Any) -> tuple[Training, list[Event]]:
        words = {"token_string": "zuko", "num_vectors_per_token": "2"} if kind == WORD else {}
        return trained(prepare(name, training_method=kind, **words, **values), name)

    return with_settings


def model_in(path: Path) -> Family:
    return load_family(ModelSettings(pretrained_model_name_or_path=str(path)), torch.float32, "cpu")


def test_a_whole_model_trains_and_its_file_is_a_base_model(run: Run) -> None:
    done, said = run(WHOLE, "whole", sample_prompts="zuko --s 2", sample_every_n_epochs=1, resolution="64")
    saved, base = model_in(result(said)), model_in(tiny_file())
    learnt = done.objective.inputs.family.modules["unet"].state_dict()
    before = base.modules["unet"].state_dict()
    assert all(torch.equal(tensor, learnt[name]) for name, tensor in saved.modules["unet"].state_dict().items())
    assert sum(not torch.equal(learnt[name], before[name]) for name in learnt) > 0.9 * len(learnt)
    first, second = pictures(said)
    assert (first != second).any()


def test_its_metadata_is_that_of_a_model_and_names_no_network(run: Run) -> None:
    for kind, name, architecture in (
        (WHOLE, "whole", "stable-diffusion-v1"), (WORD, "word", "stable-diffusion-v1/textual-inversion"),
    ):
        _, said = run(kind, name, max_train_epochs=1)
        with safe_open(result(said), "pt") as file:
            metadata = file.metadata()
        assert metadata["modelspec.architecture"] == architecture
        assert metadata["ss_num_train_images"] == "8"
        if kind == WHOLE:  # a single file, in the layout of those
            assert metadata["modelspec.implementation"] == "https://github.com/Stability-AI/generative-models"
        assert "ss_network_module" not in metadata


def test_a_folder_says_what_a_file_says_and_older_ones_go_with_all_that_was_written(run: Run, tmp_path: Path) -> None:
    _, said = run(
        WHOLE, "folder", save_model_as="diffusers", save_every_n_epochs=1, save_last_n_epochs=1, max_train_epochs=3,
        train_batch_size=4, network_train_unet_only=True, learning_rate=3e-3,
    )  # fmt: skip
    path = result(said)
    assert {one.name for one in (tmp_path / "out").iterdir() if one.is_dir()} == {"folder-000002", "folder"}
    notes = read_notes(path)
    assert (notes.metadata["ss_epoch"], notes.metadata["modelspec.architecture"]) == ("3", "stable-diffusion-v1")
    assert set(notes.files) == {one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file()}
    assert open_foreign(path).settings.optimizer.learning_rate == pytest.approx(3e-3)
    assert open_foreign(path / "crucible.json").settings == open_foreign(path).settings
    before = model_in(tiny_file()).modules["unet"].conv_in.weight
    assert not torch.equal(model_in(path).modules["unet"].conv_in.weight, before)


@pytest.mark.parametrize("kind", [WHOLE, WORD])
def test_resumed_it_ends_as_if_it_had_never_stopped(run: Run, tmp_path: Path, kind: str) -> None:
    settings = {"learning_rate": 1e-3, "lr_scheduler": "constant", "ema_decay": 0.9}
    _, whole = run(kind, "undisturbed", output_dir=str(tmp_path / "one"), **settings)
    halves = {**settings, "output_dir": str(tmp_path / "two"), "save_state_on_train_end": True}
    run(kind, "halves", max_train_epochs=1, **halves)
    _, resumed = run(kind, "halves", resume="last", **halves)
    assert [event.step for event in resumed if isinstance(event, Resumed)] == [4]
    assert same_tensors(result(whole), result(resumed))


def same_tensors(first: Path, second: Path) -> bool:
    ours, theirs = load_file(first), load_file(second)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("kind", [WHOLE, WORD])
def test_the_untrained_model_can_be_asked_what_it_predicted(run: Run, kind: str) -> None:
    done, _ = run(kind, "asked", max_train_epochs=1, learning_rate=0.1)
    predictor = done.accelerator.unwrap_model(done.model)
    question = (torch.ones(1, 4, 8, 8), torch.tensor([500]), ["a zuko dog"])
    base = model_in(tiny_file())
    bare = base.predict(*question[:2], base.encode_text(question[2]))
    assert torch.equal(predictor.untrained(*question), bare)
    assert not torch.allclose(predictor(*question), bare)

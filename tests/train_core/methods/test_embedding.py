"""Textual inversion: new words learn, nothing else does, and samples, resumed runs and files have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.tiny import tiny_file, tiny_modules
from tests.tiny_families import file_of
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_processes import train_with
from tests.train_core.methods.trainings import pictures, result, trained
from train_core.config.files import read_config
from train_core.config.problems import UserError
from train_core.config.syntax.new_words import NewWord
from train_core.events.event import Event
from train_core.events.kinds import Resumed, Validated
from train_core.facts.captions.new_words import word_problems
from train_core.facts.captions.token_count import tokens_of
from train_core.facts.preflight import examine
from train_core.methods.embedding import Embedding
from train_core.models.files.embeddings import read_vectors
from train_core.run.training import Training

FILES = {"sd1": tiny_file, "sd2": lambda: file_of("sd2"), "sdxl": lambda: file_of("sdxl")}
WIDTHS = {"sd1": (64,), "sd2": (64,), "sdxl": (64, 128)}
KINDS = list(FILES)
Run = Callable[..., tuple[Training, list[Event]]]


@pytest.fixture
def run(prepare: Prepare) -> Run:
    """A function that trains a word with settings by name; the run, and what it said."""

    def with_settings(name: str = "word", kind: str = "sd1", **values: Any) -> tuple[Training, list[Event]]:
        settings = {
            "training_method": "textual inversion", "token_string": "zuko", "num_vectors_per_token": "3",
            "learning_rate": 5e-3, "pretrained_model_name_or_path": str(FILES[kind]()), **values,
        }  # fmt: skip
        return trained(prepare(name, **settings), name)

    return with_settings


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


def test_each_word_has_its_own_start_and_its_own_file(run: Run, tmp_path: Path) -> None:
    known = torch.randn(5, 64)
    save_file({"emp_params": known}, tmp_path / "known.safetensors")
    done, said = run(
        token_string="zuko, mira-1, kiri-2", num_vectors_per_token="2, 3, 1", init_word="red fox, cat, cat",
        embedding_weights=[str(tmp_path / "known.safetensors")], learning_rate=1e-30, save_every_n_epochs=1,
        save_last_n_epochs=1, max_train_epochs=3,
    )
    first = result(said)
    names = sorted(path.name for path in first.parent.glob("*.safetensors"))
    assert names == sorted(
        f"{stem}{word}.safetensors" for stem in ("word", "word-000002") for word in ("", "-mira-1", "-kiri-2")
    )
    family = done.objective.inputs.family
    cat = family.token_tables()[0][family.token_ids("cat")]
    found = [load_file(first.with_name(f"word{word}.safetensors"))["emb_params"] for word in ("", "-mira-1", "-kiri-2")]
    assert torch.allclose(found[0], known)
    assert torch.allclose(found[1], cat.expand(3, 64))
    assert torch.allclose(found[2], cat)


def test_a_start_without_a_word_is_like_the_words_the_model_knows_and_follows_from_the_seed(run: Run) -> None:
    settings = {"learning_rate": 1e-30, "max_train_epochs": 1, "num_vectors_per_token": "60"}
    one, two, other = (run(f"start{number}", seed=seed, **settings)[0] for number, seed in enumerate((1, 1, 2)))
    table = one.objective.inputs.family.token_tables()[0]
    assert torch.equal(word_of(one), word_of(two))
    assert not torch.equal(word_of(one), word_of(other))
    assert word_of(one).norm(dim=1).mean() == pytest.approx(float(table.norm(dim=1).mean()), rel=0.1)


def test_vectors_stay_as_long_as_the_models_own_where_that_is_asked_for(run: Run) -> None:
    settings = {"learning_rate": 0.5, "max_train_epochs": 1}
    free, kept = run("free", **settings)[0], run("kept", preserve_embedding_norm=True, **settings)[0]
    usual = free.objective.inputs.family.token_tables()[0].norm(dim=1)
    assert word_of(free).norm(dim=1).min() > usual.max()
    assert word_of(kept).norm(dim=1).max() < usual.max()
    assert word_of(kept).norm(dim=1).min() > usual.min()


@pytest.mark.parametrize(("setting", "value"), [("max_grad_value", 1e-9), ("caption_template", "style")])
def test_clipping_by_value_and_sentences_change_what_is_learnt(run: Run, setting: str, value: Any) -> None:
    settings = {"optimizer_type": "SGDNesterov", "learning_rate": 10.0, "max_train_epochs": 1, "max_grad_norm": 0.0}
    one, two = run("plain", **settings)[0], run("changed", **settings, **{setting: value})[0]
    start = run("start", **{**settings, "learning_rate": 1e-30})[0]
    moved = (word_of(one) - word_of(start)).abs().max()
    assert not torch.equal(word_of(one), word_of(two))
    if setting == "max_grad_value":
        assert (word_of(two) - word_of(start)).abs().max() < 0.1 * moved


def test_vectors_are_fp32_beside_a_model_in_bf16_and_activations_are_not_kept(run: Run) -> None:
    settings = {"mixed_precision": "bf16", "max_train_epochs": 1, "weighted_captions": True}
    plain = run("plain", **settings)[0]
    saving = run("saving", **settings, gradient_checkpointing=True)[0]
    assert word_of(plain).dtype == torch.float32
    assert next(plain.objective.inputs.family.modules["unet"].parameters()).dtype == torch.bfloat16
    torch.testing.assert_close(word_of(plain), word_of(saving), atol=2e-3, rtol=0.1)


def test_held_out_images_are_measured_with_the_word(run: Run) -> None:
    _, said = run(validation_split=0.3, learning_rate=0.5)
    losses = [event.loss for event in said if isinstance(event, Validated)]
    assert len(losses) == 2
    assert losses[0] != losses[1]


def test_the_result_may_be_a_picture_that_shows_the_newest_sample(run: Run) -> None:
    _, said = run(sample_prompts="zuko --s 1 --w 64 --h 64", sample_every_n_epochs=2, save_model_as="png")
    path, shown = result(said), pictures(said)[-1]
    with Image.open(path) as picture:
        assert picture.height == 64
        width = (picture.width - 64) // 2
        assert (np.asarray(picture)[:, width : width + 64] == shown).all()
    (vectors,) = read_vectors(path)
    assert vectors.shape == (3, 64)


def test_the_file_says_what_it_is(run: Run) -> None:
    _, said = run(max_train_epochs=1, metadata_is_negative_embedding=True, init_word="fox")
    with safe_open(result(said), "pt") as file:
        metadata = file.metadata()
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1/textual-inversion"
    assert metadata["modelspec.is_negative_embedding"] == "true"
    assert (metadata["ss_token_string"], metadata["ss_init_word"]) == ("zuko", "fox")
    assert "ss_network_module" not in metadata


@pytest.mark.parametrize(("settings", "code"), [
    ({"token_string": ""}, "no_new_word"), ({"token_string": "a (b)"}, "new_word_sign"),
    ({"token_string": "zk-1, ZK-1"}, "new_word_twice"), ({"num_vectors_per_token": "2, 3"}, "new_words_differ"),
    ({"num_vectors_per_token": "76"}, "vectors_out_of_bounds"),
    ({"embedding_weights": ["/a.pt", "/b.pt"]}, "more_embeddings_than_words"),
    ({"token_string": "dog"}, "new_word_known"),
    ({"caption_template": "file"}, "no_template_file"), ({"embedding_weights": ["/gone.pt"]}, "model_file_missing"),
])  # fmt: skip
def test_what_cannot_be_trained_is_said_before(prepare: Prepare, settings: dict[str, Any], code: str) -> None:
    values = {"training_method": "textual inversion", "token_string": "zuko", **settings}
    assert code in found_by(prepare, **values)


@pytest.mark.parametrize(("settings", "code"), [
    ({"num_vectors_per_token": "70"}, "captions_cut_by_words"), ({"num_vectors_per_token": "61"}, "many_vectors"),
    ({"caption_prefix": "fox " * 75}, "captions_cut_by_words"),
    ({"init_word": "red fox", "num_vectors_per_token": "1"}, "init_word_longer"),
    ({"learning_rate": 1e-7}, "word_small_rate"),
    ({"lr_scheduler": "staged", "lr_stages": "5e-3:press, 1e-7"}, "word_small_rate"),
])  # fmt: skip
def test_what_is_odd_is_said_before(prepare: Prepare, settings: dict[str, Any], code: str) -> None:
    values = {"training_method": "textual inversion", "token_string": "zuko", **settings}
    assert code in found_by(prepare, **values)
    assert code not in found_by(prepare, training_method="textual inversion", token_string="zuko")


def test_words_and_starts_of_which_nothing_is_left_are_none() -> None:
    assert [found.code for found in word_problems([NewWord("\x07", 1, "\x07")])] == [
        "new_word_of_nothing", "init_word_of_nothing",
    ]


def found_by(prepare: Prepare, **values: Any) -> list[str]:
    """The codes of what is wrong or odd with a job."""
    try:
        read = read_config(prepare("asked", **values))
    except UserError as error:
        return [found.code for found in error.problems]
    findings = examine(read.config.in_force())
    return [found.code for found in (*read.warnings, *findings.problems, *findings.warnings)]


@pytest.mark.slow  # every_method shows it for a whole model in the fast tier, and for every method in the slow one
def test_two_processes_learn_the_word_that_one_learns_with_twice_the_batch(prepare: Prepare) -> None:
    settings = {
        "training_method": "textual inversion", "token_string": "zuko, mira-1", "num_vectors_per_token": "2",
        "optimizer_type": "SGDNesterov", "learning_rate": 10.0, "max_train_epochs": 1, "validation_split": 0.3,
        "max_grad_norm": 0.0, "lr_scheduler": "staged", "lr_stages": "10:1, 5", "init_word": "cat",
    }  # fmt: skip
    one = train_with(1, prepare("one", train_batch_size=2, **settings))["emb_params"]
    two = train_with(2, prepare("two", train_batch_size=1, **settings))["emb_params"]
    cat = tiny_modules()["text_encoder"].get_input_embeddings().weight[tokens_of("cat")]
    moved = (one - cat).abs().max()
    assert moved > 1e-3
    assert (one - two).abs().max() < moved * 1e-2

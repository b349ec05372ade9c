"""What holds for every method on every kind of base model: runs are resumed to the bit, and processes learn as one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.methods import METHODS
from tests.tiny import tiny_file
from tests.tiny_families import file_of
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_processes import train_with
from tests.train_core.jobs.test_resume import assert_same_run, kill_at, newest_run, train  # noqa: F401 - a fixture
from train_core.models.files.stored import open_weights

FILES = {"sd1": tiny_file, "sd2": lambda: file_of("sd2"), "sdxl": lambda: file_of("sdxl")}
# On each kind of model another optimizer and other extras, so that all methods meet them all.
WAYS: dict[str, dict[str, Any]] = {
    "sd1": {"optimizer_type": "AdamW", "ema_decay": 0.9, "validation_split": 0.3, "validate_every_n_steps": 1},
    "sd2": {"optimizer_type": "Adafactor", "optimizer_args": ["relative_step=False"], "mixed_precision": "bf16"},
    "sdxl": {"optimizer_type": "Lion", "gradient_accumulation_steps": 2, "gradient_checkpointing": True},
}


def settings_of(method: str, kind: str, **values: Any) -> dict[str, Any]:
    return {
        "pretrained_model_name_or_path": str(FILES[kind]()), "v_parameterization": "epsilon", "train_batch_size": 4,
        "max_train_epochs": 0, "max_train_steps": 3, **METHODS[method], **values,
    }  # fmt: skip


QUICK = [("whole model", kind) for kind in FILES] + [("embedding", "sd1"), ("hypernetwork", "sd1")]
TWO_QUICK = [("whole model", "sd1")]


def every(quick: list[tuple[str, str]]) -> list[Any]:
    """Every method on every kind of model; all but the `quick` ones are slow: others test LoRA, or what differs."""
    pairs = [(method, kind) for method in METHODS for kind in FILES]
    return [pytest.param(*one, marks=() if one in quick else pytest.mark.slow) for one in pairs]


@pytest.mark.parametrize(("method", "kind"), every(QUICK))
def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(
    prepare: Prepare, tmp_path: Path, kill_at: Callable[[int | None], None], method: str, kind: str  # noqa: F811
) -> None:
    settings = settings_of(method, kind, save_state_every_n_steps=1, **WAYS[kind])
    train(prepare("zuko", output_dir=str(tmp_path / "one"), **settings))
    undisturbed = newest_run()
    config = prepare("zuko", output_dir=str(tmp_path / "two"), **settings)
    kill_at(2)
    train(config)
    kill_at(None)
    train(config, resume="last")
    assert newest_run() != undisturbed
    assert_same_run(tmp_path / "two", newest_run(), tmp_path / "one", undisturbed)


@pytest.mark.parametrize(("method", "kind"), every(TWO_QUICK))
def test_two_processes_learn_what_one_learns_with_twice_the_batch(prepare: Prepare, method: str, kind: str) -> None:
    settings = settings_of(
        method, kind, optimizer_type="SGD", learning_rate=1e-2, max_train_steps=1, caption_dropout_rate=0.2
    )
    one = train_with(1, prepare("one", **settings))
    two = train_with(2, prepare("two", **{**settings, "train_batch_size": 2}))
    if method == "whole model":
        start = {name: stored.read() for name, stored in open_weights(FILES[kind]()).items()}
    else:
        start = train_with(1, prepare("start", **{**settings, "learning_rate": 1e-30}))
    assert one.keys() == two.keys() == start.keys()
    moved = max((one[name].float() - start[name].float()).abs().max().item() for name in one)
    assert moved > 1e-6
    assert max((one[name].float() - two[name].float()).abs().max().item() for name in one) < 1e-2 * moved

"""A run that leaves its best loss for long is told so once, with the save to go back to; chance is no reason."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from train_core.run.loss_advice import PATIENCE, LossAdvice
from train_core.run.validation_history import History, Measurement


@pytest.fixture
def saved(tmp_path: Path) -> dict[Path, int]:
    """A save after every tenth step."""
    files = {tmp_path / f"zuko-{step:06d}.safetensors": step for step in range(10, 400, 10)}
    for path in files:
        path.touch()
    return files


def told_of_epochs(saved: dict[Path, int], losses: list[float]) -> list[tuple[int, str, str]]:
    """Epoch in which something was said, what, and the save that is named."""
    advice = LossAdvice(lambda: saved)
    return [
        (epoch, found.code, str(found.params["file"]))
        for epoch, loss in enumerate(losses, 1) for found in advice.of_epoch(10 * epoch, epoch, loss)
    ]


def told_of_validation(saved: dict[Path, int], losses: list[float]) -> list[tuple[int, str]]:
    advice, history, told = LossAdvice(lambda: saved), History(), []
    for number, loss in enumerate(losses, 1):
        history.measured.append(Measurement(10 * number, number, loss))
        told += [(number, str(found.params["file"])) for found in advice.of_validation(history)]
    return told


def test_a_validation_loss_that_stays_above_its_lowest_is_told_once_with_a_save_to_use(saved: dict[Path, int]) -> None:
    losses = [0.5, 0.4, 0.3, 0.32, 0.33, 0.34, 0.35, 0.36, 0.37, 0.38, 0.29, 0.33, 0.33, 0.33, 0.33, 0.33]
    assert told_of_validation(saved, losses) == [
        (3 + PATIENCE, "zuko-000030.safetensors"), (11 + PATIENCE, "zuko-000110.safetensors"),
    ]


@pytest.mark.parametrize("losses", [[0.5 / n for n in range(1, 20)], [0.3] + [0.301] * 20])
def test_a_validation_loss_that_falls_or_stays_is_no_reason(saved: dict[Path, int], losses: list[float]) -> None:
    assert told_of_validation(saved, losses) == []


def test_epochs_that_get_worse_are_told_of(saved: dict[Path, int]) -> None:
    rng = Random(1)
    losses = [0.1 + 0.05 * abs(10 - epoch) / 10 + rng.gauss(0, 0.002) for epoch in range(1, 31)]
    ((epoch, code, file),) = told_of_epochs(saved, losses)
    assert code == "loss_left_its_best"
    assert 14 <= epoch <= 20
    assert file in {f"zuko-{10 * best:06d}.safetensors" for best in range(10, 15)}


def test_chance_is_hardly_ever_taken_for_a_reason(saved: dict[Path, int]) -> None:
    """Of 200 runs of 30 epochs whose loss only shakes, or falls and shakes, few are told anything."""
    told = 0
    for seed in range(200):
        rng = Random(seed)
        fall = 0.001 * (seed % 2)
        told += bool(told_of_epochs(saved, [0.12 - fall * epoch + rng.gauss(0, 0.015) for epoch in range(30)]))
    assert told <= 20


def test_losses_that_are_no_numbers_are_left_out(saved: dict[Path, int]) -> None:
    assert told_of_epochs(saved, [float("nan")] * 30) == []

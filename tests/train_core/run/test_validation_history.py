"""The curve of validation losses: its lowest point, over-fitting, patience."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.run.validation_history import History, Measurement, nearest_file, verdict


def history(*losses: float) -> History:
    return History([Measurement(10 * n, n, loss) for n, loss in enumerate(losses, 1)])


@given(st.lists(st.floats(0.001, 10), min_size=1))
def test_the_best_is_the_first_of_the_lowest(losses):
    curve = history(*losses)
    assert curve.best == Measurement(10 * (losses.index(min(losses)) + 1), losses.index(min(losses)) + 1, min(losses))
    assert curve.without_better == len(losses) - curve.best.epoch


@pytest.mark.parametrize(
    ("losses", "code"),
    [
        ((0.3, 0.2, 0.1), "validation_still_falling"),
        ((0.3, 0.1, 0.101), "validation_lowest"),
        ((0.3, 0.1, 0.15), "validation_overfitted"),
        ((0.3, 0.1, math.nan), "validation_overfitted"),
    ],
)
def test_the_verdict_says_whether_the_run_over_fitted(losses, code):
    curve = history(*losses)
    said = verdict(curve, curve.best, Path("out/zuko-000002.safetensors"))
    assert said.code == code
    assert said.params["epoch"] == curve.best.epoch
    assert "zuko-000002.safetensors" in said.text


def test_what_is_no_number_is_never_the_best():
    assert history(math.nan, 0.5).best.epoch == 2
    assert history(math.nan).best is None
    assert history(math.nan, math.nan).without_better == 2


def test_a_history_goes_on_from_its_state():
    first, second = history(0.2, 0.1), History()
    second.load_state_dict(first.state_dict())
    assert second.measured == first.measured


def test_the_nearest_file_is_one_that_is_still_there(tmp_path: Path):
    files = {tmp_path / f"{step}.safetensors": step for step in (10, 20, 30)}
    for path in files:
        path.touch()
    assert nearest_file(files, 24).name == "20.safetensors"
    assert nearest_file(files, 25).name == "20.safetensors"
    (tmp_path / "20.safetensors").unlink()
    assert nearest_file(files, 24).name == "30.safetensors"
    assert nearest_file({}, 1) is None

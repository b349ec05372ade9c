"""Learning-rate schedules against those of diffusers."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers.optimization import get_scheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from train_core.facts.schedules import POLYNOMIAL_END_RATE, learning_rate_factor, warmup_steps

NAMES = ["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(
    total=st.integers(1, 60),
    warmup=st.integers(0, 60),
    cycles=st.integers(1, 5),
    power=st.floats(0.25, 4.0),
    rate=st.floats(1e-6, 1.0),
)
def test_a_schedule_equals_diffusers(
    name: str, total: int, warmup: int, cycles: int, power: float, rate: float
) -> None:
    warmup = min(warmup, total - 1)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    theirs = get_scheduler(
        name, optimizer, num_warmup_steps=warmup, num_training_steps=total, num_cycles=cycles, power=power
    )
    end = POLYNOMIAL_END_RATE / rate
    for step in range(total + 1):
        ours = rate * learning_rate_factor(name, step, total, warmup, cycles=cycles, power=power, end=end)
        assert math.isclose(ours, theirs.get_last_lr()[0], rel_tol=1e-9, abs_tol=1e-15)
        optimizer.step()
        theirs.step()


def test_an_unknown_schedule_is_an_error() -> None:
    with pytest.raises(KeyError):
        learning_rate_factor("sawtooth", 0, 10)


@pytest.mark.parametrize(
    ("text", "total", "steps"),
    [
        ("0", 1000, 0),
        (" 100 ", 1000, 100),
        ("10%", 1000, 100),
        ("2.5 %", 1000, 25),
        ("0.1", 1000, 100),
        (".05", 200, 10),
        ("1", 1000, 1),
        ("5000", 1000, 1000),
        ("100%", 7, 7),
    ],
)
def test_warm_up_is_a_count_a_share_or_a_percentage(text: str, total: int, steps: int) -> None:
    assert warmup_steps(text, total) == steps


def test_a_warm_up_between_one_and_two_means_nothing() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        warmup_steps("1.5", 100)

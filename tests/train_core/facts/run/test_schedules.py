"""Learning-rate schedules against those of diffusers and transformers, and what holds of all of them."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
import torch
from diffusers.optimization import get_scheduler as diffusers_scheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.optimization import get_scheduler as transformers_scheduler

from train_core.config.sections.optimizer import OptimizerSettings, Schedule
from train_core.facts.run.schedules import SHAPES, Curve, curve_of, rate_at, steps_in

PLAIN = ["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"]


def assert_equal_to(theirs: Any, optimizer: torch.optim.Optimizer, curve: Curve, rate: float) -> None:
    for step in range(curve.total + 1):
        assert math.isclose(rate_at(curve, rate, step), theirs.get_last_lr()[0], rel_tol=1e-9, abs_tol=1e-15), step
        optimizer.step()
        theirs.step()


def optimizer_at(rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1)], lr=rate)


@pytest.mark.parametrize("name", PLAIN)
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
    warmup = 0 if name == "constant" else min(warmup, total - 1)
    optimizer = optimizer_at(rate)
    theirs = diffusers_scheduler(
        name, optimizer, num_warmup_steps=warmup, num_training_steps=total, num_cycles=cycles, power=power
    )
    assert_equal_to(theirs, optimizer, Curve(name, total, warmup, cycles, power, floor_rate=1e-7), rate)


@settings(max_examples=25, deadline=None)
@given(
    total=st.integers(1, 60), warmup=st.integers(0, 60), cycles=st.integers(1, 4), floor=st.floats(0, 1),
    rate=st.floats(1e-6, 1.0),
)
def test_cosine_with_min_lr_equals_transformers(
    total: int, warmup: int, cycles: int, floor: float, rate: float
) -> None:
    optimizer, warmup = optimizer_at(rate), min(warmup, total - 1)
    theirs = transformers_scheduler(
        "cosine_with_min_lr", optimizer, warmup, total, {"num_cycles": cycles / 2, "min_lr_rate": floor}
    )
    assert_equal_to(theirs, optimizer, Curve("cosine_with_min_lr", total, warmup, cycles, floor=floor), rate)


@settings(max_examples=25, deadline=None)
@given(total=st.integers(1, 60), warmup=st.integers(0, 60), timescale=st.none() | st.integers(1, 100))
def test_inverse_sqrt_equals_transformers(total: int, warmup: int, timescale: int | None) -> None:
    optimizer, warmup = optimizer_at(1e-4), min(warmup, total - 1)
    if timescale is not None:
        timescale = max(timescale, warmup)  # theirs divides by zero otherwise
    theirs = transformers_scheduler("inverse_sqrt", optimizer, warmup, total, {"timescale": timescale})
    assert_equal_to(theirs, optimizer, Curve("inverse_sqrt", total, warmup, timescale=timescale), 1e-4)


@settings(max_examples=40, deadline=None)
@given(
    total=st.integers(1, 60), warmup=st.integers(0, 30), decay=st.integers(0, 30), floor=st.floats(0, 1),
    cycles=st.integers(1, 3), shape=st.sampled_from(["linear", "cosine", "1-sqrt"]),
)
def test_warmup_stable_decay_equals_transformers(
    total: int, warmup: int, decay: int, floor: float, cycles: int, shape: str
) -> None:
    optimizer, warmup = optimizer_at(1e-4), min(warmup, total)
    decay = min(decay, total - warmup)
    theirs = transformers_scheduler(
        "warmup_stable_decay", optimizer, warmup, total,
        {"num_decay_steps": decay, "min_lr_ratio": floor, "num_cycles": cycles / 2, "warmup_type": shape,
         "decay_type": shape},
    )  # fmt: skip
    curve = Curve(
        "warmup_stable_decay", total, warmup, cycles, decay=decay, floor=floor, warmup_type=shape, decay_type=shape
    )
    assert_equal_to(theirs, optimizer, curve, 1e-4)


def test_piecewise_constant_equals_diffusers() -> None:
    optimizer = optimizer_at(1e-4)
    theirs = diffusers_scheduler("piecewise_constant", optimizer, step_rules="1:10,0.1:20,0.01:30,0.005")
    curve = curve_of(
        OptimizerSettings(lr_scheduler="piecewise_constant", lr_stages="1:10,0.1:20,0.01:30,0.005"), 40
    )
    assert_equal_to(theirs, optimizer, curve, 1e-4)


def test_stages_give_each_part_its_proportion_to_the_learning_rate() -> None:
    curve = curve_of(
        OptimizerSettings(learning_rate=1e-4, lr_scheduler="staged", lr_stages="5e-3:3, 1e-4:5, 1e-5"), 8
    )
    assert [rate_at(curve, 1e-4, step) for step in (0, 2, 3, 4, 5, 7)] == pytest.approx(
        [5e-3, 5e-3, 1e-4, 1e-4, 1e-5, 1e-5]
    )
    assert rate_at(curve, 5e-5, 0) == pytest.approx(2.5e-3)


@pytest.mark.parametrize(
    ("schedule", "argument"), [("polynomial", "lr_end=1e-6"), ("cosine_with_min_lr", "min_lr=1e-6")]
)
def test_floors_are_the_same_rate_for_every_part(schedule: str, argument: str) -> None:
    curve = curve_of(OptimizerSettings(lr_scheduler=schedule, lr_scheduler_args=[argument]), 10)
    assert [rate_at(curve, base, 10) for base in (1e-4, 5e-5)] == pytest.approx([1e-6, 1e-6])
    assert rate_at(curve, 0.0, 5) == 0


def test_the_last_stage_stays_when_it_ends_before_the_run() -> None:
    curve = curve_of(OptimizerSettings(lr_scheduler="staged", lr_stages="1e-3:3, 1e-4:5"), 100)
    assert rate_at(curve, 1e-4, 99) == pytest.approx(1e-4)


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(sorted(SHAPES.keys() - {"piecewise_constant", "staged"})), total=st.integers(1, 200),
    warmup=st.integers(0, 250), decay=st.integers(0, 250), floor=st.floats(0, 1), step=st.integers(0, 250),
)
def test_a_rate_is_never_negative_nor_above_the_base(
    name: str, total: int, warmup: int, decay: int, floor: float, step: int
) -> None:
    curve = Curve(name, total, min(warmup, total), decay=decay, floor=floor)
    assert 0 <= rate_at(curve, 1e-3, step) <= 1e-3 * (1 + 1e-9)


def test_every_schedule_that_can_be_chosen_is_there() -> None:
    assert set(get_args(Schedule)) - SHAPES.keys() == {"adafactor"}


def test_arguments_and_their_own_settings_shape_a_schedule() -> None:
    polynomial = curve_of(OptimizerSettings(lr_scheduler="polynomial", lr_scheduler_args=["lr_end=1e-5"]), 10)
    assert rate_at(polynomial, 1e-4, 10) == pytest.approx(1e-5)
    cosine = curve_of(OptimizerSettings(lr_scheduler="cosine_with_min_lr", lr_scheduler_args=["min_lr=2e-5"]), 10)
    assert rate_at(cosine, 1e-4, 10) == pytest.approx(2e-5)
    stable = curve_of(
        OptimizerSettings(lr_scheduler="warmup_stable_decay", lr_decay_steps="50%", lr_scheduler_min_lr_ratio=0.2), 10
    )
    assert [round(rate_at(stable, 1.0, step), 3) for step in (4, 5, 10)] == [1.0, 1.0, 0.2]


@pytest.mark.parametrize("name", ["constant", "staged", "piecewise_constant"])
def test_schedules_without_warm_up_start_at_their_rate(name: str) -> None:
    curve = curve_of(OptimizerSettings(lr_scheduler=name, lr_warmup_steps="5", lr_stages="1"), 10)
    assert rate_at(curve, 1e-4, 0) > 0


@pytest.mark.parametrize(
    ("optimizer", "arguments", "chosen", "used"),
    [
        ("AdamWScheduleFree", [], "cosine", "constant"),
        ("AdamWScheduleFree", [], "constant_with_warmup", "constant_with_warmup"),
        ("Adafactor", [], "cosine", "constant"),
        ("Adafactor", ["relative_step=False"], "cosine", "cosine"),
    ],
)
def test_an_optimizer_with_a_schedule_of_its_own_follows_no_other(
    optimizer: str, arguments: list[str], chosen: str, used: str
) -> None:
    given_settings = OptimizerSettings(optimizer_type=optimizer, optimizer_args=arguments, lr_scheduler=chosen)
    assert curve_of(given_settings, 10).name == used


def test_an_unknown_schedule_is_an_error() -> None:
    with pytest.raises(KeyError):
        rate_at(Curve("sawtooth", 10), 1e-4, 0)


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
def test_steps_are_a_count_a_share_or_a_percentage(text: str, total: int, steps: int) -> None:
    assert steps_in(text, total) == steps


def test_steps_between_one_and_two_mean_nothing() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        steps_in("1.5", 100)

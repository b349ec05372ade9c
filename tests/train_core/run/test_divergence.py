"""A run that has diverged is noticed; one whose losses merely jump, as they do, is not."""

from __future__ import annotations

from random import Random

import pytest

from train_core.run.divergence import Divergence


def losses(seed: int, mean: float = 0.1) -> Random:
    """Draws like a diffusion model's at batch size 1: most far below their mean, some ten times above it."""
    random = Random(seed)
    random.draw = lambda: min(1.0, random.lognormvariate(0, 1.2)) * mean  # type: ignore[attr-defined]
    return random


@pytest.mark.parametrize("total", [300, 3000, 20_000])
@pytest.mark.parametrize("seed", range(3))
def test_losses_that_only_jump_are_no_divergence(seed: int, total: int):
    source, watch = losses(seed), Divergence.over(total)
    assert not any(watch.note(source.draw()) for _ in range(total))


@pytest.mark.parametrize("total", [300, 3000])
def test_a_loss_that_stays_ten_times_higher_is_told_once(total: int):
    good, bad, watch = losses(1), losses(2, mean=1.0), Divergence.over(total)
    assert not any(watch.note(good.draw()) for _ in range(total // 2))
    assert watch.healthy
    told = [step for step in range(total // 2) if watch.note(bad.draw())]
    assert len(told) == 1
    assert told[0] >= watch.window
    assert not watch.healthy


def test_a_short_burst_is_forgiven():
    watch = Divergence.over(1000)
    told = [watch.note(1.0 if 400 <= step < 440 else 0.1) for step in range(1000)]
    assert not any(told)


def test_a_second_divergence_after_the_first_has_passed_is_told_too():
    watch = Divergence.over(250)
    for loss in [0.1] * 100 + [2.0] * 60:
        watch.note(loss)
    assert watch.diverged
    watch.go_back_to(0.1)
    assert [watch.note(2.0) for _ in range(80)].count(True) == 1


def test_it_goes_on_from_its_state():
    first = Divergence.over(500)
    for step in range(130):
        first.note(0.1 if step < 90 else 3.0)
    second = Divergence.over(9000)
    second.load_state_dict(first.state_dict())
    assert [second.note(3.0) for _ in range(60)] == [first.note(3.0) for _ in range(60)]

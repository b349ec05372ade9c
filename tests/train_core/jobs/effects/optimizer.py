"""Effects of settings of the optimizer: which rate holds at each step, and how far weights move at it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.train_core.jobs.effects.comparing import assert_learnt_otherwise, assert_same
from tests.train_core.jobs.effects.effect import Effects
from tests.train_core.jobs.effects.outcome import Outcome

OPTIMIZER = Effects()
RATE = 1e-3
# One step of plain gradient descent: each weight moves by 10 times its gradient.
DESCENT = {"optimizer_type": "SGD", "learning_rate": 10.0, "max_grad_norm": 0.0, "max_train_steps": 1}


def ups(outcome: Outcome, part: str = "") -> dict[str, Tensor]:
    """The trained maps that start at zero."""
    return {name: tensor for name, tensor in outcome.weights.items() if "lora_up" in name and f"lora_{part}" in name}


def assert_shares(before: Outcome, after: Outcome, old: list[float], new: list[float]) -> None:
    """In each step the rates are these shares of the base rate, for all parts, and so something else is learnt."""
    assert_same(before, after)
    for outcome, shares in ((before, old), (after, new)):
        rates = [RATE * share for share in shares]
        assert outcome.rates == {part: pytest.approx(rates, abs=1e-9) for part in ("unet", "textencoder")}
    assert_learnt_otherwise(before, after)


@OPTIMIZER.of("learning_rate", 2e-3)
def all_parts_learn_at_that_rate(before: Outcome, after: Outcome) -> None:
    assert_shares(before, after, [1.0] * 4, [2.0] * 4)


@OPTIMIZER.of("unet_lr", 1e-4)
def the_unet_alone_learns_at_that_rate(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    assert after.rates == {"unet": pytest.approx([1e-4] * 4), "textencoder": pytest.approx([RATE] * 4)}
    first = before.but(max_train_steps=1), after.but(max_train_steps=1)
    far, near = (max(tensor.abs().max().item() for tensor in ups(one, "unet").values()) for one in first)
    assert near == pytest.approx(0.1 * far, rel=1e-2)
    text = [ups(one, "te") for one in first]
    assert all(torch.equal(tensor, text[1][name]) for name, tensor in text[0].items())


@OPTIMIZER.of("text_encoder_lr", 0.0)
def the_text_encoder_stays_as_it_is(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    assert after.rates == {"unet": before.rates["unet"]}
    assert any(tensor.any() for tensor in ups(before, "te").values())
    assert not any(tensor.any() for tensor in ups(after, "te").values())
    assert any(tensor.any() for tensor in ups(after, "unet").values())


@OPTIMIZER.of("stop_text_encoder_training", "1", save_every_n_steps=1)
def the_text_encoder_stays_as_it_is_after_that_step(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)

    def moves(outcome: Outcome, part: str) -> list[bool]:
        """Whether that part moves in each step after the first."""
        states = [outcome.weights_after(step) for step in range(1, 5)]
        return [
            any(not torch.equal(tensor, new[name]) for name, tensor in old.items() if f"lora_{part}" in name)
            for old, new in pairwise(states)
        ]

    assert (moves(before, "te"), moves(before, "unet")) == ([True] * 3, [True] * 3)
    assert (moves(after, "te"), moves(after, "unet")) == ([False] * 3, [True] * 3)
    assert any(tensor.any() for tensor in ups(after, "te").values())  # up to there it has learnt
    assert after.rates["textencoder"] == pytest.approx([RATE, 0, 0, 0])


@OPTIMIZER.of("lr_scheduler", "linear")
def the_rate_falls_in_a_line(before: Outcome, after: Outcome) -> None:
    assert_shares(before, after, [1] * 4, [1, 0.75, 0.5, 0.25])
    assert after.metadata["ss_lr_scheduler"] == "linear"


@OPTIMIZER.of("lr_warmup_steps", "2", lr_scheduler="constant_with_warmup")
def the_rate_rises_over_the_first_steps(before: Outcome, after: Outcome) -> None:
    assert_shares(before, after, [1] * 4, [0, 0.5, 1, 1])


@OPTIMIZER.of("lr_scheduler_num_cycles", 2, lr_scheduler="cosine_with_restarts")
def the_rate_falls_and_begins_anew(before: Outcome, after: Outcome) -> None:
    falling = [(1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert_shares(before, after, falling, [1, 0.5, 1, 0.5])


@OPTIMIZER.of("lr_scheduler_power", 3, lr_scheduler="polynomial")
def the_rate_falls_with_the_third_power(before: Outcome, after: Outcome) -> None:
    end = 1e-7 / RATE
    assert_shares(
        before, after, [1 - (1 - end) * step / 4 for step in range(4)],
        [(1 - end) * (1 - step / 4) ** 3 + end for step in range(4)],
    )


@OPTIMIZER.of("lr_decay_steps", "2", lr_scheduler="warmup_stable_decay")
def the_rate_falls_over_the_last_steps(before: Outcome, after: Outcome) -> None:
    assert_shares(before, after, [1] * 4, [1, 1, 1, 0.5])


@OPTIMIZER.of("lr_scheduler_timescale", 2, lr_scheduler="inverse_sqrt")
def the_rate_falls_so_much_faster(before: Outcome, after: Outcome) -> None:
    old, new = ([(1 + step / scale) ** -0.5 for step in range(4)] for scale in (10_000, 2))
    assert_shares(before, after, old, new)


@OPTIMIZER.of("lr_scheduler_min_lr_ratio", 0.5, lr_scheduler="cosine_with_min_lr")
def the_rate_falls_to_a_half(before: Outcome, after: Outcome) -> None:
    falling = [(1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert_shares(before, after, falling, [0.5 + share / 2 for share in falling])


@OPTIMIZER.of("lr_scheduler_args", ["lr_end=5e-4"], lr_scheduler="polynomial")
def the_rate_falls_to_that_end(before: Outcome, after: Outcome) -> None:
    assert_shares(
        before, after, [1 - (1 - 1e-4) * step / 4 for step in range(4)], [1 - 0.5 * step / 4 for step in range(4)]
    )


@OPTIMIZER.of("optimizer_type", "Lion", max_train_steps=1)
def weights_move_by_the_rate_or_not_at_all(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    moved = torch.cat([tensor.abs().flatten() for tensor in ups(after).values()])
    assert len(moved.unique()) <= 2
    torch.testing.assert_close(moved.unique().max().item(), RATE)
    assert len(torch.cat([tensor.abs().flatten() for tensor in ups(before).values()]).unique()) > 2
    assert "adamw" in before.metadata["ss_optimizer"].lower()
    assert "lion" in after.metadata["ss_optimizer"].lower()


@OPTIMIZER.of("optimizer_args", ["weight_decay=0.5"], max_train_steps=1)
def the_optimizer_is_given_the_argument(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    # In the first step no gradient reaches the maps that go down, so that they only decay: by 0.01 without the setting.
    for name, tensor in before.weights.items():
        if "lora_down" in name:
            torch.testing.assert_close(after.weights[name], tensor * (1 - RATE * 0.5) / (1 - RATE * 0.01))
    assert "weight_decay=0.5" in after.metadata["ss_optimizer"]


@OPTIMIZER.of("max_grad_norm", 1e-3, **DESCENT)
def long_gradients_are_shortened_to_it(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    whole, short = (torch.cat([tensor.flatten() for tensor in ups(one).values()]) for one in (before, after))
    assert whole.norm() > 10.0 * 1e-3
    torch.testing.assert_close(short.norm().item(), 10.0 * 1e-3, rtol=1e-3, atol=0)
    torch.testing.assert_close(short, whole * (short.norm() / whole.norm()), rtol=1e-3, atol=1e-9)  # the same way

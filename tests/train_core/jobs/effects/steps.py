"""Effects of settings of the run's length, its steps and its draws."""

from __future__ import annotations

from collections import Counter

import torch

from tests.train_core.jobs.effects.comparing import SHOWN, all_timesteps, assert_same
from tests.train_core.jobs.effects.effect import Effects
from tests.train_core.jobs.effects.outcome import Outcome

STEPS = Effects()


def batch_sizes(outcome: Outcome) -> set[int]:
    return {len(one.pictures) for one in outcome.passes}


@STEPS.of("max_train_epochs", 2)
def every_image_is_seen_twice_as_often(before: Outcome, after: Outcome) -> None:
    assert (before.steps, after.steps) == (4, 8)
    assert after.told("started")[0]["epochs"] == 2
    assert Counter(after.pictures) == Counter(before.pictures * 2)
    assert after.captions[: len(before.captions)] == before.captions
    draws = all_timesteps(after)
    assert not torch.equal(draws[: len(draws) // 2], draws[len(draws) // 2 :])  # the second time at other noise


@STEPS.of("max_train_steps", 1)
def the_run_ends_after_that_step(before: Outcome, after: Outcome) -> None:
    assert (before.steps, after.steps) == (4, 1)
    assert after.captions == before.passes[0].captions


@STEPS.of("train_batch_size", 1)
def each_step_sees_one_image(before: Outcome, after: Outcome) -> None:
    assert (batch_sizes(before), batch_sizes(after)) == ({2}, {1})
    assert (before.steps, after.steps) == (4, 8)
    assert Counter(after.pictures) == Counter(before.pictures)


@STEPS.of("gradient_accumulation_steps", 2)
def two_batches_make_one_step(before: Outcome, after: Outcome) -> None:
    assert (before.steps, after.steps) == (4, 2)
    assert_same(before, after)
    first, second = (one.answer for one in after.passes[:2])
    assert torch.equal(first, before.passes[0].answer)
    assert not torch.equal(second, before.passes[1].answer)  # there the first batch alone has moved the weights
    untrained = before.but(learning_rate=1e-12).passes[1].answer
    torch.testing.assert_close(second, untrained)


@STEPS.of("mixed_precision", "bf16")
def the_model_calculates_in_bf16(before: Outcome, after: Outcome) -> None:
    assert_same(before, after, "captions", "pictures", "timesteps", "latents")
    assert {(one.noisy.dtype, one.unet_dtype, one.hidden.dtype) for one in before.passes} == {(torch.float32,) * 3}
    assert {(one.noisy.dtype, one.unet_dtype, one.hidden.dtype) for one in after.passes} == {(torch.bfloat16,) * 3}
    assert {tensor.dtype for tensor in after.weights.values()} == {torch.float32}  # what is learnt is kept exactly


@STEPS.of("seed", 6)
def all_draws_are_others_and_the_images_the_same(before: Outcome, after: Outcome) -> None:
    assert before.steps == after.steps
    assert Counter(before.pictures) == Counter(after.pictures)
    assert before.pictures != after.pictures
    for old, new in zip(before.passes, after.passes, strict=True):
        assert not any(torch.equal(getattr(old, name), getattr(new, name)) for name in SHOWN[2:])
    down = [name for name in before.weights if "lora_down" in name]
    assert not any(torch.allclose(before.weights[name], after.weights[name], atol=0.02) for name in down)

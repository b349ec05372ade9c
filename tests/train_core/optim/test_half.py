"""Weights in half precision: small steps add up, and every run rounds alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.train_core.optim.test_stepper import content, learn, stepper_of
from train_core.optim.half import in_fp32, rounded

HALVES = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", HALVES)
def test_rounding_keeps_the_mean_and_gives_only_neighbours(dtype: torch.dtype) -> None:
    values = torch.full((20_000,), 0.0123456)
    found = rounded(values, dtype, 7)
    spacing = torch.finfo(dtype).eps * 2**-7  # of numbers between 2^-7 and 2^-6
    assert len(found.unique()) == 2
    assert (found.float() - values).abs().max() < spacing
    assert abs(found.double().mean() - 0.0123456) < 0.03 * spacing


@given(st.floats(-1e4, 1e4, width=32), st.sampled_from(HALVES), st.integers(0, 99))
def test_what_half_precision_holds_is_not_changed(value: float, dtype: torch.dtype, seed: int) -> None:
    exact = torch.tensor([value]).to(dtype)
    if exact.abs() >= torch.finfo(dtype).tiny or exact == 0:
        assert torch.equal(rounded(exact.float(), dtype, seed), exact)


@pytest.mark.parametrize("dtype", HALVES)
def test_steps_too_small_for_the_format_add_up_all_the_same(dtype: torch.dtype) -> None:
    parameter = nn.Parameter(torch.ones(4000, dtype=dtype))
    step = torch.finfo(dtype).eps / 50  # added to 1, it would vanish
    for number in range(200):
        with in_fp32([parameter], number):
            assert parameter.dtype == torch.float32
            parameter.data.add_(step)
    assert parameter.dtype == dtype
    assert parameter.float().mean().item() == pytest.approx(1 + 200 * step, rel=0.2 * 200 * step)


def test_gradients_come_along_and_are_forgotten() -> None:
    parameter = nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    parameter.grad = torch.full((3,), 0.5, dtype=torch.bfloat16)
    with in_fp32([parameter], 0):
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.tolist() == [0.5] * 3
    assert parameter.grad is None


@pytest.mark.parametrize("name", ["AdamW", "AdamW8bit", "Lion", "AdamWScheduleFree"])
@pytest.mark.parametrize("fused", [False, True])
def test_every_optimizer_steps_on_half_weights_as_on_whole_ones(name: str, fused: bool) -> None:
    whole, plain = stepper_of(name, fused=fused, schedule="constant")
    half, stepper = stepper_of(name, fused=fused, schedule="constant")
    half.bfloat16()
    again, other = stepper_of(name, fused=fused, schedule="constant")
    again.bfloat16()
    for model, its in ((whole, plain), (half, stepper), (again, other)):
        model.register_forward_pre_hook(lambda module, inputs: (inputs[0].to(module[0].weight.dtype),))
        learn(model, its, range(6))
    for one, two in zip(whole.parameters(), half.parameters(), strict=True):
        assert two.dtype == torch.bfloat16
        assert (one - two.float()).abs().max() < 0.1 * one.abs().max() + 0.02
    halves = [[p.float().tolist() for p in model.parameters()] for model in (half, again)]
    assert halves[0] == halves[1]


def test_an_average_of_half_weights_is_whole() -> None:
    model, stepper = stepper_of("AdamW", ema_decay=0.9)
    model.bfloat16()
    learn_half = [torch.randn(4, 8, generator=torch.Generator().manual_seed(s)).bfloat16() for s in range(3)]
    for step, inputs in enumerate(learn_half):
        stepper.backward(model(inputs).square().mean())
        stepper.step(step)
    assert {average.dtype for average in stepper.ema.averages} == {torch.float32}
    before = [p.detach().clone() for p in model.parameters()]
    with stepper.inference():
        assert any(not torch.equal(p, q) for p, q in zip(before, model.parameters(), strict=True))
    assert all(torch.equal(p, q) for p, q in zip(before, model.parameters(), strict=True))


def test_whole_weights_are_left_alone() -> None:
    model, stepper = stepper_of("AdamW")
    before = content(model)
    with in_fp32(stepper.parameters, 0):
        pass
    assert content(model) == before


def test_steps_within_the_backward_pass_never_have_all_weights_in_fp32_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, stepper = stepper_of("AdamW", fused=True)
    model.bfloat16()
    wide: list[int] = []
    inner = torch.optim.AdamW.step

    def step(self: torch.optim.Optimizer, *rest: object) -> None:
        wide.append(sum(parameter.dtype == torch.float32 for parameter in model.parameters()))
        inner(self, *rest)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    monkeypatch.setattr("train_core.optim.stepper.in_fp32", refused_for_all)
    for number in range(2):
        with stepper.gathering(last=True):
            stepper.backward(model(torch.ones(4, 8, dtype=torch.bfloat16)).float().square().mean())
        stepper.step(number)
    assert set(wide) == {1}


def refused_for_all(parameters: Sequence[nn.Parameter], step: int) -> AbstractContextManager[None]:
    assert not parameters
    return nullcontext()

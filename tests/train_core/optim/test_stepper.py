"""The stepper: averages for use, exact parameters for training, and steps within the backward pass."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from train_core.facts.run.schedules import Curve
from train_core.optim import fused as fused_steps
from train_core.optim.ema import Ema
from train_core.optim.fused import FusedOptimizer
from train_core.optim.gradients import zero_unless_finite
from train_core.optim.optimizers import build_optimizer
from train_core.optim.schedule import Schedule, current_rates
from train_core.optim.stepper import Stepper


def stepper_of(
    name: str = "AdamW", *, fused: bool = False, ema_decay: float = 0.0, schedule: str = "linear"
) -> tuple[nn.Module, Stepper]:
    """A small model with two groups and its stepper, for a run of 8 steps."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4))
    groups = [
        {"params": list(layer.parameters()), "lr": rate, "name": part}
        for layer, rate, part in zip(model, (0.02, 0.01), ("unet", "text_encoder"), strict=True)
    ]
    optimizer = build_optimizer(name, [], groups, fused)
    return model, Stepper(
        Accelerator(cpu=True), model, optimizer, Schedule(optimizer, Curve(schedule, 8)), 0.0, False, ema_decay
    )


def learn(model: nn.Module, stepper: Stepper, steps: range) -> None:
    for step in steps:
        inputs = torch.randn(4, 8, generator=torch.Generator().manual_seed(step))
        with stepper.gathering(last=True):
            stepper.backward(model(inputs).square().mean())
        stepper.step(step)


def content(model: nn.Module) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in model.parameters()]


@pytest.mark.parametrize("name", ["AdamWScheduleFree", "RAdamScheduleFree", "SGDScheduleFree", "AdamW"])
def test_inference_shows_the_average_and_training_goes_on_from_the_same_bits(name: str) -> None:
    model, stepper = stepper_of(name, ema_decay=0.9 if name == "AdamW" else 0.0, schedule="constant")
    learn(model, stepper, range(10))  # the first five steps of RAdam do not move
    before = content(model)
    with stepper.inference(), stepper.inference():
        shown = content(model)
    assert shown != before
    assert content(model) == before
    learn(model, stepper, range(10, 12))
    undisturbed, other = stepper_of(name, schedule="constant")
    learn(undisturbed, other, range(12))
    assert content(model) == content(undisturbed)


def test_without_an_average_inference_changes_nothing() -> None:
    model, stepper = stepper_of()
    learn(model, stepper, range(2))
    before = content(model)
    with stepper.inference():
        assert content(model) == before


@pytest.mark.parametrize("name", ["AdamW", "Adafactor", "Lion", "AdamW8bit", "AdamWScheduleFree", "SGDNesterov"])
def test_steps_within_the_backward_pass_give_the_same_bits_and_leave_no_gradient(name: str) -> None:
    model, stepper = stepper_of(name)
    fused_model, fused = stepper_of(name, fused=True)
    learn(model, stepper, range(3))
    learn(fused_model, fused, range(3))
    assert isinstance(fused.optimizer, FusedOptimizer)
    assert content(model) == content(fused_model)
    assert current_rates(fused.optimizer) == current_rates(stepper.optimizer)
    inputs = torch.ones(1, 8)
    with fused.gathering(last=True):
        fused.backward(fused_model(inputs).square().mean())
    assert all(p.grad is None for p in fused_model.parameters())


@pytest.mark.parametrize("on_a_card", [False, True])
def test_within_the_backward_pass_a_parameter_with_broken_gradients_stays(
    monkeypatch: pytest.MonkeyPatch, on_a_card: bool
) -> None:
    monkeypatch.setattr(fused_steps, "reads_at_once", lambda device: not on_a_card)
    model, stepper = stepper_of("SGD", fused=True)
    learn(model, stepper, range(2))
    before = content(model)
    model[0].weight.register_hook(lambda grad: torch.full_like(grad, torch.nan))
    with stepper.gathering(last=True):
        stepper.backward(model(torch.ones(1, 8)).square().mean())
    assert not torch.isfinite(stepper.step(2))
    after = content(model)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False, False]
    learn(model, stepper, range(3, 4))
    assert len(stepper.optimizer.norms) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_gradients_are_zeroed_or_left_to_the_bit_without_a_look_at_their_norm(dtype: torch.dtype) -> None:
    kept = [torch.randn(3, 4).to(dtype), torch.randn(4, 2).to(dtype).t()]
    gradients = [tensor.clone() for tensor in kept]
    zero_unless_finite(torch.tensor(2.0), gradients)
    assert all(torch.equal(one, other) for one, other in zip(gradients, kept, strict=True))
    gradients[0][1, 1] = torch.inf
    zero_unless_finite(torch.tensor(torch.nan), gradients)
    assert all(not gradient.any() for gradient in gradients)


@pytest.mark.parametrize(
    ("name", "fused", "ema_decay"),
    [("AdamW", False, 0.95), ("AdamW", True, 0.95), ("AdamWScheduleFree", False, 0.0), ("Prodigy", False, 0.5)],
)
def test_a_saved_stepper_goes_on_to_the_bit(name: str, fused: bool, ema_decay: float) -> None:
    def fresh() -> tuple[nn.Module, Stepper]:
        return one_rate(ema_decay) if name == "Prodigy" else stepper_of(name, fused=fused, ema_decay=ema_decay)

    (whole, its_stepper), (first, stepper), (second, resumed) = fresh(), fresh(), fresh()
    learn(whole, its_stepper, range(6))
    learn(first, stepper, range(3))
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(stepper.state_dict())
    learn(second, resumed, range(3, 6))
    assert content(second) == content(whole)
    with its_stepper.inference(), resumed.inference():
        assert content(second) == content(whole)


def one_rate(ema_decay: float) -> tuple[nn.Module, Stepper]:
    model = nn.Linear(8, 4)
    with torch.no_grad():
        model.weight.fill_(0.5)
        model.bias.fill_(0.1)
    optimizer = build_optimizer("Prodigy", [], [{"params": list(model.parameters()), "lr": 1.0, "name": "unet"}])
    return model, Stepper(
        Accelerator(cpu=True), model, optimizer, Schedule(optimizer, Curve("constant", 8)), 0.0, False, ema_decay
    )


def test_a_moving_average_is_what_its_formula_says() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    ema = Ema([parameter], 0.9)
    expected = 0.0
    for step, value in enumerate([1.0, 5.0, 2.0], 1):
        with torch.no_grad():
            parameter.fill_(value)
        ema.update()
        kept = min(0.9, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * value
    assert ema.averages[0].tolist() == pytest.approx([expected] * 2)


def test_rates_follow_the_schedule_and_a_factor_given_while_running() -> None:
    model, stepper = stepper_of()
    learn(model, stepper, range(4))
    assert current_rates(stepper.optimizer) == pytest.approx({"unet": 0.02 * 5 / 8, "text_encoder": 0.01 * 5 / 8})
    stepper.schedule.factor = 0.1
    learn(model, stepper, range(4, 5))
    assert current_rates(stepper.optimizer)["unet"] == pytest.approx(0.002 * 4 / 8)


def test_the_rate_that_an_optimizer_finds_is_told() -> None:
    model, stepper = one_rate(0.0)
    learn(model, stepper, range(3))
    rates = current_rates(stepper.optimizer)
    assert rates["d*lr"] == stepper.optimizer.param_groups[0]["d"] * rates["unet"]
    model, stepper = stepper_of("Adafactor")
    learn(model, stepper, range(3))
    assert current_rates(stepper.optimizer) == {"unet": 0.01, "text_encoder": 0.01}

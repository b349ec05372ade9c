"""The guard: which steps it leaves out, and how it goes back when a run has diverged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from train_core.config.sections.optimizer import OptimizerSettings
from train_core.data.batch import Batch
from train_core.data.library import Library
from train_core.data.moments import Moments
from train_core.events.event import Event
from train_core.events.kinds import ProblemEvent
from train_core.facts.run.schedules import curve_of
from train_core.optim.schedule import Schedule
from train_core.optim.stepper import Stepper
from train_core.run.divergence import Divergence
from train_core.run.divergence_guard import Guard, images_of
from train_core.run.snapshot import copied

LIBRARY = Library(tuple(SimpleNamespace(path=Path(f"{name}.png"), repeats=1) for name in "abc"))  # type: ignore[misc]


def batch(*indices: int, weights: list[float] | None = None, moments: Moments | None = None) -> Batch:
    count = len(indices)
    return Batch(
        epoch=0, bucket=(64, 64), indices=torch.tensor(indices), weights=torch.tensor(weights or [1.0] * count),
        captions=[""] * count, original_sizes=torch.zeros(count, 2), crops=torch.zeros(count, 2), moments=moments,
    )  # fmt: skip


class Run:
    """A guard over one number that is trained, and the events it sends."""

    def __init__(self, on_divergence: str = "warn", ema_decay: float = 0.0, max_grad_norm: float = 1.0) -> None:
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.model.weight, 1.0)
        optimizer = torch.optim.AdamW([{"params": list(self.model.parameters()), "lr": 0.01, "name": "unet"}])
        curve = curve_of(OptimizerSettings(lr_scheduler="constant"), 1000)
        accelerator = Accelerator(cpu=True)
        schedule = Schedule(optimizer, curve)
        self.stepper = Stepper(accelerator, self.model, optimizer, schedule, max_grad_norm, False, ema_decay)
        self.events: list[tuple[str, str]] = []
        self.guard = Guard(
            accelerator, self.stepper, LIBRARY, self._take, "learning_rate = 1e-05", on_divergence,  # type: ignore[arg-type]
            Divergence(25),
        )  # fmt: skip
        self.step = 0

    def _take(self, event: Event) -> None:
        self.events.append((event.kind, event.code if isinstance(event, ProblemEvent) else ""))

    def go(self, steps: int, loss: Callable[[int], float]) -> None:
        for _ in range(steps):
            value = self.model.weight.sum() * 0.1 + loss(self.step)
            if self.guard.passes(value, last=True):
                self.stepper.backward(value)
            self.guard.step(self.step, [batch(0)])
            self.step += 1

    def break_gradients(self, is_broken: Callable[[int], bool], with_value: float = float("nan")) -> None:
        """Let the gradients of the steps for which `is_broken` holds be no numbers."""

        def changed(grad: torch.Tensor) -> torch.Tensor:
            return torch.full_like(grad, with_value) if is_broken(self.step) else grad

        self.model.weight.register_hook(changed)

    @property
    def weight(self) -> float:
        return self.model.weight.item()

    def state(self) -> dict[str, Any]:
        return {
            "weights": {k: v.clone() for k, v in self.model.state_dict().items()},
            "stepper": self.stepper.state_dict(), "guard": self.guard.state_dict(), "step": self.step,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["weights"])
        self.stepper.load_state_dict(state["stepper"])
        self.guard.load_state_dict(state["guard"])
        self.step = state["step"]


def diverging(step: int) -> float:
    return 0.1 if step < 120 else 5.0


def test_a_skipped_step_leaves_weights_and_optimizer_to_the_bit() -> None:
    run = Run()
    run.go(3, lambda step: 0.1)
    weight = run.weight
    moments = {k: v.clone() for k, v in next(iter(run.stepper.optimizer.state.values())).items()}
    run.go(1, lambda step: float("nan"))
    assert run.weight == weight
    for name, value in next(iter(run.stepper.optimizer.state.values())).items():
        assert torch.equal(value, moments[name])
    assert run.events == [("warning", "loss_not_finite")]


@pytest.mark.parametrize("max_grad_norm", [1.0, 0.0])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_step_with_a_good_loss_and_broken_gradients_leaves_all_to_the_bit(max_grad_norm: float, value: float) -> None:
    run = Run(ema_decay=0.9, max_grad_norm=max_grad_norm)
    run.break_gradients(lambda step: step == 3, value)
    run.go(3, lambda step: 0.1)
    before = copied(run.state())
    run.go(1, lambda step: 0.1)
    after = run.state()
    assert run.events == [("warning", "gradient_not_finite")]
    assert run.guard.skipped == 1
    assert after["weights"]["weight"] == before["weights"]["weight"]
    assert after["stepper"]["ema"]["averages"] == before["stepper"]["ema"]["averages"]
    for name, value_before in before["stepper"]["optimizer"]["state"][0].items():
        assert after["stepper"]["optimizer"]["state"][0][name] == value_before
    run.go(2, lambda step: 0.1)
    assert (len(run.events), run.guard.in_a_row) == (1, 0)
    assert run.weight != before["weights"]["weight"]


def test_on_a_card_broken_gradients_count_as_none_and_are_told_a_step_later() -> None:
    run, plain = Run(), Run()
    run.stepper.reads_at_once = False
    run.break_gradients(lambda step: step == 3)
    run.go(3, lambda step: 0.1)
    plain.go(3, lambda step: 0.1)
    assert run.weight == plain.weight
    run.go(1, lambda step: 0.1)
    assert run.events == []
    assert abs(run.weight) < 1
    run.go(1, lambda step: 0.1)
    assert run.events == [("warning", "gradient_not_finite")]
    assert run.guard.skipped == 1
    run.break_gradients(lambda step: step == 5)
    run.go(1, lambda step: 0.1)
    run.guard.settle()  # as at the end of an epoch
    run.guard.settle()
    assert len(run.events) == run.guard.skipped == 2


def test_broken_gradients_end_a_run_as_broken_losses_do() -> None:
    for reads_at_once in (True, False):
        run = Run()
        run.stepper.reads_at_once = reads_at_once
        run.break_gradients(lambda step: step > 1)
        run.go(7, lambda step: 0.1)
        run.guard.settle()
        assert run.guard.skipped_too_many
        assert run.guard.skipped == 5
        assert run.guard.has_good_weights()


def test_only_overflows_that_the_scale_of_fp16_does_not_explain_are_counted() -> None:
    run = Run()
    run.stepper.scaler = torch.amp.GradScaler("cpu", init_scale=16.0)
    run.break_gradients(lambda step: True)
    run.go(4, lambda step: 0.1)
    assert (run.stepper.scaler.get_scale(), run.guard.skipped) == (1.0, 1)
    assert run.weight == 1
    run.go(4, lambda step: 0.1)
    assert run.guard.skipped_too_many


def test_five_in_a_row_or_ten_in_all_are_too_many() -> None:
    run = Run()
    run.go(4, lambda step: float("inf"))
    assert not run.guard.skipped_too_many
    run.go(1, lambda step: 0.1)
    run.go(5, lambda step: float("nan"))
    assert run.guard.skipped_too_many
    scattered = Run()
    scattered.go(20, lambda step: float("nan") if step % 2 else 0.1)
    assert scattered.guard.skipped_too_many


def test_a_diverged_run_only_warns_unless_told_otherwise() -> None:
    run = Run("warn")
    run.go(200, diverging)
    assert run.events == [("warning", "loss_diverged")]
    assert run.guard.good is None
    assert run.guard.candidate is None


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_diverged_run_goes_back_to_good_weights_at_a_third_of_the_rate(ema_decay: float) -> None:
    run, weights = Run("recover", ema_decay), []
    while not run.events:
        weights.append(run.weight)
        run.go(1, diverging)
    assert run.events == [("warning", "loss_diverged_went_back")]
    assert run.guard.good is not None
    assert run.guard.good.step < 120
    assert run.weight == weights[run.guard.good.step]
    run.go(1, lambda step: 0.1)
    assert run.stepper.optimizer.param_groups[0]["lr"] == pytest.approx(0.01 / 3)


def test_after_three_recoveries_it_only_warns() -> None:
    run = Run("recover")
    run.go(700, diverging)
    codes = [code for _, code in run.events]
    assert codes[:3] == ["loss_diverged_went_back"] * 3
    assert set(codes[3:]) == {"loss_diverged"}


@pytest.mark.parametrize("at", [60, 110, 130, 160])
def test_a_resumed_run_notices_and_recovers_just_as_one_never_interrupted(at: int) -> None:
    whole, first, second = Run("recover"), Run("recover"), Run("recover")
    whole.go(260, diverging)
    first.go(at, diverging)
    second.load(first.state())
    second.go(260 - at, diverging)
    assert second.weight == whole.weight
    assert first.events + second.events == whole.events
    assert second.stepper.schedule.factor == whole.stepper.schedule.factor


def test_broken_weights_are_not_saved_and_a_snapshot_takes_their_place() -> None:
    run = Run("recover")
    run.go(80, lambda step: 0.1)
    assert run.guard.good is not None
    nn.init.constant_(run.model.weight, float("nan"))
    assert run.guard.has_good_weights()
    assert run.weight == run.guard.good.weights[0].item()
    warned = Run("warn")
    warned.go(80, lambda step: 0.1)
    nn.init.constant_(warned.model.weight, float("nan"))
    assert not warned.guard.has_good_weights()


def test_an_image_whose_latents_are_broken_is_named_alone_and_padding_never() -> None:
    assert images_of(batch(0, 2), LIBRARY) == [Path("a.png"), Path("c.png")]
    assert images_of(batch(0, weights=[0.0]), LIBRARY) == []
    mean = torch.zeros(3, 4, 8, 8)
    mean[1, 0, 0, 0] = torch.nan
    assert images_of(batch(0, 1, 2, moments=Moments(mean, mean)), LIBRARY) == [Path("b.png")]

"""Every optimizer by its name: it is built, it learns, and mistakes get one clear message."""

from __future__ import annotations

import importlib
import inspect

import pytest
import torch

from train_core.config.problems import UserError
from train_core.config.sections.optimizer import OptimizerSettings
from train_core.config.syntax.optimizer_arguments import arguments_of
from train_core.optim.optimizers import TABLE, build_optimizer, description, try_optimizer


def loss_after(name: str, args: list[str], rate: float, steps: int = 60) -> tuple[float, float]:
    """Squared distance to a target before and after some steps of the named optimizer."""
    generator = torch.Generator().manual_seed(1)
    weight = torch.nn.Parameter(torch.randn(64, 96, generator=generator))
    target = torch.randn(64, 96, generator=generator)
    optimizer = build_optimizer(name, args, [{"params": [weight], "lr": rate, "name": "unet"}])
    first = (weight - target).square().mean().item()
    for _ in range(steps):
        optimizer.zero_grad()
        (weight - target).square().mean().backward()
        optimizer.step()
    return first, (weight - target).square().mean().item()


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_name_builds_an_optimizer_that_learns(name: str) -> None:
    adapts = name.startswith(("DAdapt", "Prodigy")) or name == "Adafactor"
    rate = 1.0 if adapts else 50.0 if name.startswith("SGD") else 0.03
    first, last = loss_after(name, [], rate, steps=400 if adapts else 60)
    assert last < first * 0.9


@pytest.mark.parametrize("name", ["adamw", "ADAMW", "torch.optim.AdamW", "RMSprop"])
def test_letter_case_dotted_paths_and_torch_names_are_understood(name: str) -> None:
    first, last = loss_after(name, [], 0.03)
    assert last < first * 0.9


def test_arguments_reach_the_optimizer() -> None:
    weight = torch.nn.Parameter(torch.zeros(4))
    optimizer = build_optimizer(
        "AdamW", ["weight_decay=0.5", "betas=0.8,0.95"], [{"params": [weight], "lr": 1e-3, "name": "unet"}]
    )
    assert optimizer.param_groups[0]["weight_decay"] == 0.5
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.95)
    assert description(optimizer, ["weight_decay=0.5"]) == "torch.optim.adamw.AdamW(weight_decay=0.5)"


def test_each_group_keeps_its_own_rate() -> None:
    first, second = torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.zeros(4))
    optimizer = build_optimizer(
        "Lion", [], [{"params": [first], "lr": 1e-4, "name": "unet"}, {"params": [second], "lr": 5e-5, "name": "te"}]
    )
    assert [group["lr"] for group in optimizer.param_groups] == [1e-4, 5e-5]


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("AdamV", [], "optimizer_unknown"),
        ("no_such_package.Fast", [], "optimizer_missing"),
        ("AdamW", ["weight_decai=1"], "optimizer_argument_unknown"),
        ("AdamW", ["weight_decay=much"], "optimizer_argument_unsuited"),
        ("AdamW", ["weight_decay=-1"], "optimizer_refused"),
        ("Adafactor", ["warmup_init=True", "relative_step=False"], "optimizer_refused"),
        ("LBFGS", [], "optimizer_needs_closure"),
    ],
)
def test_a_mistake_gets_one_message_with_its_code(name: str, args: list[str], code: str) -> None:
    with pytest.raises(UserError) as caught:
        build_optimizer(name, args, [{"params": [torch.nn.Parameter(torch.zeros(4))], "lr": 1e-3, "name": "unet"}])
    assert [p.code for p in caught.value.problems] == [code]


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_warm_up_from_rate_zero_harms_no_optimizer(name: str) -> None:
    weight = torch.nn.Parameter(torch.randn(64, 96, generator=torch.Generator().manual_seed(1)))
    optimizer = build_optimizer(name, [], [{"params": [weight], "lr": 1.0, "name": "unet"}])
    before = weight.detach().clone()
    for rate in (0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0):
        for group in optimizer.param_groups:
            group["lr"] = rate if group["lr"] is not None else None
        weight.square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert torch.isfinite(weight).all()
    assert not torch.equal(weight, before)


def test_text_with_an_equals_sign_in_it_reaches_the_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(torch.optim.SGD):
        def __init__(self, params: object, lr: float, note: str) -> None:
            super().__init__(params, lr)
            self.note = note

    monkeypatch.setattr(torch.optim, "Named", Named, raising=False)
    group = {"params": [torch.nn.Parameter(torch.zeros(4))], "lr": 1e-3, "name": "unet"}
    assert build_optimizer("Named", ["note=a=b c"], [group]).note == "a=b c"


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_table_of_arguments_is_what_the_classes_take(name: str) -> None:
    module, _, class_name = TABLE[name].path.rpartition(".")
    taken = inspect.signature(getattr(importlib.import_module(module), class_name)).parameters
    defaults = {key: one.default for key, one in taken.items() if key not in ("params", "lr")}
    assert arguments_of(name.upper()) == defaults


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("torch.optim.AdamW", ["weight_decay=0.01x"], "optimizer_argument_unsuited"),
        ("torch.optim.AdamW", ["betas=0.9"], "optimizer_argument_unsuited"),
        ("torch.optim.AdamW", ["betas=0.9,1.5"], "optimizer_refused"),
        ("lion_pytorch.Lion", ["betas=0.9,1.5"], "optimizer_refused"),  # it asserts
        ("no_such_package.Fast", [], "optimizer_missing"),
    ],
)
def test_what_an_optimizer_refuses_is_known_without_a_model(name: str, args: list[str], code: str) -> None:
    with pytest.raises(UserError) as caught:
        try_optimizer(OptimizerSettings(optimizer_type=name, optimizer_args=args))
    assert [p.code for p in caught.value.problems] == [code]


@pytest.mark.parametrize("rate", [0.0, 1e-4])
def test_trying_an_optimizer_goes_by_a_rate_that_is_used(rate: float) -> None:
    try_optimizer(OptimizerSettings(optimizer_type="DAdaptAdam", learning_rate=rate, unet_lr=1.0))

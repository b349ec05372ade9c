"""Optimizers by the names that users of this ecosystem know."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any

import torch

from train_core.config.checks.arguments import optimizer_argument_problems
from train_core.config.problems import UserError, problem, raise_if_any
from train_core.config.sections.optimizer import OptimizerSettings
from train_core.config.syntax.arguments import parse_arguments, separate
from train_core.optim.fused import FusedOptimizer
from train_core.optim.installed import lies_elsewhere

Groups = list[dict[str, Any]]


@dataclass(frozen=True)
class Entry:
    """Location of an optimizer class, and the arguments it gets unless the user gives others."""

    path: str
    defaults: dict[str, Any] = field(default_factory=dict)


NESTEROV = {"momentum": 0.9, "nesterov": True}

TABLE: dict[str, Entry] = {
    "AdamW": Entry("torch.optim.AdamW", {"fused": True}),
    "AdamW8bit": Entry("bitsandbytes.optim.AdamW8bit"),
    "PagedAdamW": Entry("bitsandbytes.optim.PagedAdamW"),
    "PagedAdamW8bit": Entry("bitsandbytes.optim.PagedAdamW8bit"),
    "PagedAdamW32bit": Entry("bitsandbytes.optim.PagedAdamW32bit"),
    "Lion": Entry("lion_pytorch.Lion"),
    "Lion8bit": Entry("bitsandbytes.optim.Lion8bit"),
    "PagedLion8bit": Entry("bitsandbytes.optim.PagedLion8bit"),
    "SGDNesterov": Entry("torch.optim.SGD", NESTEROV),
    "SGDNesterov8bit": Entry("bitsandbytes.optim.SGD8bit", NESTEROV),
    "Adafactor": Entry("transformers.optimization.Adafactor"),
    "Prodigy": Entry("prodigyopt.Prodigy"),
    "AdamWScheduleFree": Entry("schedulefree.AdamWScheduleFree"),
    "RAdamScheduleFree": Entry("schedulefree.RAdamScheduleFree"),
    "SGDScheduleFree": Entry("schedulefree.SGDScheduleFree"),
    "DAdaptation": Entry("dadaptation.experimental.DAdaptAdamPreprint"),
    "DAdaptAdamPreprint": Entry("dadaptation.experimental.DAdaptAdamPreprint"),
    "DAdaptAdam": Entry("dadaptation.DAdaptAdam"),
    "DAdaptAdaGrad": Entry("dadaptation.DAdaptAdaGrad"),
    "DAdaptSGD": Entry("train_core.optim.dadapt_fix.DAdaptSGD"),
    "DAdaptLion": Entry("dadaptation.DAdaptLion"),
    "DAdaptAdan": Entry("dadaptation.DAdaptAdan"),
    "DAdaptAdanIP": Entry("dadaptation.experimental.DAdaptAdanIP"),
}


def build_optimizer(
    optimizer_type: str, optimizer_args: list[str], groups: Groups, fused_backward: bool = False
) -> torch.optim.Optimizer | FusedOptimizer:
    """The optimizer named `optimizer_type` (any letter case, or a dotted class path) over parameter `groups`.

    Each group holds `params`, `lr` and a `name`. `optimizer_args` are key=value words. With `fused_backward` every
    parameter has one of its own that steps within the backward pass. Raises `UserError` for a name that is not known,
    a package that is not installed or an argument that the class does not take.
    """
    if fused_backward:
        return FusedOptimizer(partial(_build, optimizer_type, optimizer_args), groups)
    return _build(optimizer_type, optimizer_args, groups)


def _build(optimizer_type: str, optimizer_args: list[str], groups: Groups) -> torch.optim.Optimizer:
    entry = _entry(optimizer_type)
    cls = _load(entry.path, optimizer_type)
    _check_steps(cls, optimizer_type)
    arguments = {**entry.defaults, **parse_arguments(optimizer_args, "optimizer_args")}
    arguments = {name: tuple(v) if isinstance(v, list) else v for name, v in arguments.items()}
    _check_arguments(cls, arguments, optimizer_type)
    if _finds_its_own_rate(cls, arguments):
        groups = [{name: value for name, value in group.items() if name != "lr"} | {"lr": None} for group in groups]
    else:
        # The first group's rate also is the constructor's: D-Adaptation and others insist on having one.
        arguments.setdefault("lr", groups[0]["lr"])
    try:
        optimizer = cls(groups, **arguments)
    except (TypeError, ValueError, AssertionError) as error:  # of classes from elsewhere, which also assert
        raise UserError(
            problem(
                "optimizer_refused",
                "{optimizer} does not accept its arguments: {reason}. Change optimizer_args or the learning rates.",
                optimizer=optimizer_type, reason=str(error) or type(error).__name__,
            )
        ) from error
    if averages_itself(optimizer):
        optimizer.train()  # type: ignore[attr-defined]
    return optimizer


def try_optimizer(settings: OptimizerSettings) -> None:
    """Make the optimizer for one number, so that all it refuses is known before a model is loaded. Raises `UserError`
    as `build_optimizer` does."""
    rate = settings.learning_rate or settings.unet_lr or 1.0  # a rate of 0 leaves its part out
    number = torch.nn.Parameter(torch.zeros(1))
    _build(settings.optimizer_type, settings.optimizer_args, [{"params": [number], "lr": rate, "name": "unet"}])


def averages_itself(optimizer: torch.optim.Optimizer | FusedOptimizer) -> bool:
    """Whether the optimizer is schedule-free: it has one state to train in and another to use what is learnt."""
    return "train_mode" in optimizer.param_groups[0]


def description(optimizer: torch.optim.Optimizer | FusedOptimizer, optimizer_args: list[str]) -> str:
    """`module.Class(k=v,...)`, as `ss_optimizer` wants it."""
    cls = type(optimizer.optimizers[0] if isinstance(optimizer, FusedOptimizer) else optimizer)
    return f"{cls.__module__}.{cls.__name__}({','.join(separate(optimizer_args))})"


def _entry(optimizer_type: str) -> Entry:
    by_lower = {name.lower(): entry for name, entry in TABLE.items()}
    found = by_lower.get(optimizer_type.lower())
    if found:
        return found
    if "." in optimizer_type:
        return Entry(optimizer_type)
    if isinstance(getattr(torch.optim, optimizer_type, None), type):
        return Entry(f"torch.optim.{optimizer_type}")
    near = get_close_matches(optimizer_type, list(TABLE), 1, cutoff=0.0)[0]
    raise UserError(
        problem(
            "optimizer_unknown",
            "optimizer_type = {optimizer} is not known. The nearest is {nearest}; any other installed class works by "
            "its dotted path, such as pytorch_optimizer.CAME.",
            optimizer=optimizer_type, nearest=near,
        )
    )


def _load(path: str, optimizer_type: str) -> Callable[..., torch.optim.Optimizer]:
    module_name, _, class_name = path.rpartition(".")
    if not module_name.startswith("train_core.") and lies_elsewhere(module_name):
        raise UserError(
            problem(
                "optimizer_not_installed",
                "optimizer_type = {optimizer} is in no package that is installed. Install its package into Crucible's "
                "environment (.venv), or choose another optimizer; files beside settings or images are never run.",
                optimizer=optimizer_type,
            )
        )
    try:
        return getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise UserError(
            problem(
                "optimizer_missing",
                "optimizer_type = {optimizer} cannot be loaded: {reason}. Install its package into Crucible's "
                "environment (.venv), or choose another optimizer.",
                optimizer=optimizer_type, reason=str(error),
            )
        ) from error


def _check_steps(cls: Callable[..., Any], optimizer_type: str) -> None:
    """Line searches such as LBFGS call the model themselves, which a training step cannot offer."""
    closure = inspect.signature(getattr(cls, "step", cls)).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise UserError(
            problem(
                "optimizer_needs_closure",
                "{optimizer} has to call the model several times per step, which training does not do. Choose another "
                "optimizer, for example AdamW8bit.",
                optimizer=optimizer_type,
            )
        )


def _check_arguments(cls: Callable[..., Any], arguments: dict[str, Any], optimizer_type: str) -> None:
    """Raise `UserError` with every argument that the class does not take, or takes in another form."""
    parameters = inspect.signature(cls).parameters
    known = {name: None if p.default is p.empty else p.default for name, p in parameters.items()}
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        known = dict.fromkeys(arguments) | known
    raise_if_any(optimizer_argument_problems(optimizer_type, arguments, known))


def _finds_its_own_rate(cls: Callable[..., Any], arguments: dict[str, Any]) -> bool:
    """Adafactor with relative steps, its default, computes the rate and refuses one."""
    return getattr(cls, "__name__", "") == "Adafactor" and arguments.get("relative_step", True) is True

"""Settings of optimizer, schedule and rates, checked against each other and against what the optimizer can do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from train_core.config.checks.arguments import optimizer_argument_problems
from train_core.config.checks.conflicts import conflicts
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import joined
from train_core.config.problems import Problem, problem, problems_of
from train_core.config.sections.optimizer import OptimizerSettings
from train_core.config.sections.rates import RateSettings
from train_core.config.syntax.arguments import parse_arguments
from train_core.config.syntax.block_rates import read_factors
from train_core.config.syntax.optimizer_arguments import arguments_of
from train_core.config.syntax.optimizer_traits import (
    WARM_UP_ONLY,
    adapts_rate,
    has_relative_steps,
    is_schedule_free,
    normalises_steps,
)
from train_core.config.syntax.stages import parse_stages
from train_core.kinds import KINDS

ADAPTIVE_RATE_LIMIT = 0.1
SHAPES = ("linear", "cosine", "1-sqrt")
SCHEDULE_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "polynomial": ("lr_end",), "cosine_with_min_lr": ("min_lr",),
    "warmup_stable_decay": ("warmup_type", "decay_type"),
}  # fmt: skip
BLOCK_WEIGHTS = ("down_lr_weight", "mid_lr_weight", "up_lr_weight")
RATIOS = ("loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio")


def optimizer_contradictions(config: TrainConfig, rates: dict[str, float]) -> list[Problem]:
    """Contradictions that make these settings impossible together; `rates` are those of the parts that train."""
    unreadable = [
        *problems_of(lambda: parse_arguments(config.optimizer.optimizer_args, "optimizer_args")),
        *problems_of(lambda: parse_arguments(config.optimizer.lr_scheduler_args, "lr_scheduler_args")),
        *_block_weights(config.rates),
    ]
    if unreadable:
        return unreadable  # what follows reads them
    optimizer = config.optimizer
    return [
        *_rates(config, rates), *_optimizer_arguments(optimizer), *_schedule(optimizer), *_averages(optimizer),
        *_fused(config), *_nothing_after_the_text_encoder(config, rates),
    ]  # fmt: skip


def optimizer_oddities(config: TrainConfig, rates: dict[str, float]) -> list[Problem]:
    """Warnings for what works but is rarely meant, and for settings that the optimizer does not use."""
    optimizer, found = config.optimizer, []
    if adapts_rate(optimizer.optimizer_type) and max(rates.values(), default=0.0) <= 0.1:
        found.append(
            problem(
                "dadapt_small_rate",
                "{optimizer} multiplies the rate it finds by learning_rate = {rate}. It is meant to be 1.",
                optimizer=optimizer.optimizer_type, rate=optimizer.learning_rate,
            )
        )
    highest = max(rates.values(), default=0.0)
    if highest >= ADAPTIVE_RATE_LIMIT and normalises_steps(optimizer) and not adapts_rate(optimizer.optimizer_type):
        found.append(
            problem(
                "adam_large_rate",
                "{optimizer} with a learning rate of {rate} learns far too fast: rates of 0.1 and more are for "
                "D-Adaptation and Prodigy. 1e-4 is usual.",
                optimizer=optimizer.optimizer_type, rate=highest,
            )
        )
    if has_relative_steps(optimizer):
        found.append(
            problem(
                "adafactor_relative_steps",
                "{optimizer} finds its own rate while relative_step is on, which is its default, so {unused} are "
                "ignored (a rate of 0 still leaves a part untrained). Add relative_step=False to optimizer_args to use "
                "them.",
                optimizer=optimizer.optimizer_type, unused=", ".join(_unused_with_relative_steps(config)),
            )
        )
    elif is_schedule_free(optimizer.optimizer_type) and optimizer.lr_scheduler not in WARM_UP_ONLY:
        found.append(
            problem(
                "schedule_free_schedule",
                "{optimizer} averages the weights instead of lowering its rate, so lr_scheduler = {schedule} is "
                "ignored and the rate stays constant. It does follow constant_with_warmup.",
                optimizer=optimizer.optimizer_type, schedule=optimizer.lr_scheduler,
            )
        )
    return found


def _unused_with_relative_steps(config: TrainConfig) -> Iterator[str]:
    values = config.applicable()
    yield "learning_rate"
    yield from (name for name in ("unet_lr", "text_encoder_lr") if values.get(name) not in (None, ""))
    if values["lr_scheduler"] != "adafactor":
        yield "lr_scheduler"
    if values.get("lr_warmup_steps", "0").strip() != "0":
        yield "lr_warmup_steps"
    yield from (name for name in (*RATIOS, *BLOCK_WEIGHTS) if values.get(name))


def _rates(config: TrainConfig, rates: dict[str, float]) -> list[Problem]:
    optimizer = config.optimizer
    if rates and not any(rates.values()):
        return [
            problem(
                "no_learning_rate",
                "Every learning rate is 0, so nothing would be learnt. Set learning_rate, for example 1e-4.",
            )
        ]
    if not adapts_rate(optimizer.optimizer_type):
        return []
    differing = list(_differing_rates(config, rates))
    if not differing:
        return []
    return [
        problem(
            "dadapt_two_rates",
            "{optimizer} finds one rate for everything, but {settings} would make the rates differ. Clear them and set "
            "learning_rate = 1. A rate or factor of 0 is allowed: that part is then not trained.",
            optimizer=optimizer.optimizer_type, settings=joined("and", differing),
        )
    ]


def _nothing_after_the_text_encoder(config: TrainConfig, rates: dict[str, float]) -> list[Problem]:
    """The text encoder may stop early only if something else keeps training."""
    until = config.optimizer.stop_text_encoder_training.strip()
    if not until or rates.get("unet") or config.network.network_train_unet_only:
        return []
    return [
        problem(
            "nothing_after_the_text_encoder",
            "stop_text_encoder_training = {until}, but nothing else is trained, so nothing would be learnt after that. "
            "Clear it and shorten the run instead.",
            until=until,
        )
    ]


def _differing_rates(config: TrainConfig, rates: dict[str, float]) -> Iterator[str]:
    """The settings, with their values, that give some parameters a different rate than others."""
    values = config.applicable()
    if len({rate for rate in rates.values() if rate}) > 1:
        for name in ("unet_lr", "text_encoder_lr"):
            shown = name if values.get(name) not in (None, "", []) else "learning_rate"
            yield f"{shown} = {values[shown]}"
    yield from (f"{name} = {values[name]}" for name in RATIOS if values.get(name) not in (None, 1))
    for name in BLOCK_WEIGHTS:
        factors = read_factors(values.get(name) or "", _most_blocks(), name)
        if set(factors) - {0.0, 1.0}:
            yield f"{name} = {values[name]}"


def _most_blocks() -> int:
    """The number of blocks on the way down, or up, of the kind of model that has the most."""
    return max(kind.block_layout[1] for kind in KINDS.values())


def _optimizer_arguments(optimizer: OptimizerSettings) -> list[Problem]:
    """Problems of the arguments as far as they are known without loading the optimizer."""
    arguments = parse_arguments(optimizer.optimizer_args, "optimizer_args")
    found = []
    if "lr" in arguments:
        found.append(
            problem(
                "rate_among_arguments",
                "lr = {rate} in optimizer_args would have no effect, because every parameter group has its own rate. "
                "Remove it and set learning_rate.",
                rate=arguments.pop("lr"),
            )
        )
    taken = arguments_of(optimizer.optimizer_type)
    return found if taken is None else [
        *found, *optimizer_argument_problems(optimizer.optimizer_type, arguments, taken)
    ]


def _block_weights(rates: RateSettings) -> list[Problem]:
    """Problems of the block weights; their number can only be checked once the model is known."""
    return [
        found
        for name in BLOCK_WEIGHTS
        for found in problems_of(partial(read_factors, getattr(rates, name), _most_blocks(), name))
    ]


def _schedule(optimizer: OptimizerSettings) -> list[Problem]:
    name = optimizer.lr_scheduler
    if name == "adafactor" and not has_relative_steps(optimizer):
        return [
            problem(
                "adafactor_schedule_alone",
                "lr_scheduler = adafactor means that Adafactor finds its own rate, which {optimizer} does not do with "
                "these optimizer_args. Choose another lr_scheduler, for example constant_with_warmup.",
                optimizer=optimizer.optimizer_type,
            )
        ]
    if name in {"staged", "piecewise_constant"}:
        return _stages(optimizer)
    return _schedule_arguments(optimizer)


def _stages(optimizer: OptimizerSettings) -> list[Problem]:
    if not optimizer.lr_stages.strip():
        return [
            problem(
                "stages_missing",
                "lr_scheduler = {schedule} needs lr_stages, for example 5e-3:12000, 1e-4:20000, 1e-5.",
                schedule=optimizer.lr_scheduler,
            )
        ]
    if optimizer.lr_scheduler == "staged" and not optimizer.learning_rate:
        return [
            problem(
                "stages_without_rate",
                "learning_rate is 0, but lr_scheduler = staged sets each part's rate in proportion to it. Set "
                "learning_rate to the first stage's rate.",
            )
        ]
    return list(problems_of(lambda: parse_stages(optimizer.lr_stages, "lr_stages")))


def _schedule_arguments(optimizer: OptimizerSettings) -> list[Problem]:
    allowed = SCHEDULE_ARGUMENTS.get(optimizer.lr_scheduler)
    if allowed is None:
        return []  # said to have no effect elsewhere
    arguments = parse_arguments(optimizer.lr_scheduler_args, "lr_scheduler_args")
    return [
        problem(
            "schedule_argument",
            "{name} = {value} in lr_scheduler_args does not work with lr_scheduler = {schedule}. It takes {allowed}.",
            name=name, value=repr(value), schedule=optimizer.lr_scheduler,
            allowed=", ".join(_in_words(argument) for argument in allowed),
        )
        for name, value in arguments.items()
        if name not in allowed or not _suits(name, value)
    ]


def _suits(name: str, value: Any) -> bool:
    if name.endswith("_type"):
        return value in SHAPES
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _in_words(argument: str) -> str:
    return f"{argument}={'|'.join(SHAPES)}" if argument.endswith("_type") else f"{argument}=1e-6"


def _averages(optimizer: OptimizerSettings) -> list[Problem]:
    if not optimizer.ema_decay or not is_schedule_free(optimizer.optimizer_type):
        return []
    return [
        problem(
            "ema_with_schedule_free",
            "{optimizer} already averages the weights, so ema_decay = {decay} would average them twice. Set ema_decay "
            "= 0.",
            optimizer=optimizer.optimizer_type, decay=optimizer.ema_decay,
        )
    ]


def _fused(config: TrainConfig) -> list[Problem]:
    optimizer, training, launch = config.optimizer, config.training, config.launch
    if not optimizer.fused_backward_pass:
        return []
    steps, norm, kind = training.gradient_accumulation_steps, optimizer.max_grad_norm, optimizer.optimizer_type
    found = conflicts(
        ("gradient_accumulation_steps", steps, 1, steps > 1),
        ("max_grad_norm", f"{norm:g}", 0, norm > 0),
        ("max_grad_value", f"{optimizer.max_grad_value:g}", 0, optimizer.max_grad_value > 0),
        ("mixed_precision", training.mixed_precision, "bf16", training.mixed_precision == "fp16"),
        ("num_processes", launch.num_processes, 1, launch.num_processes > 1),
        ("optimizer_type", kind, "AdamW", adapts_rate(kind)),
    )
    if not found:
        return []
    return [
        problem(
            "fused_backward_conflict",
            "fused_backward_pass updates each parameter before the other gradients are known, which does not work with "
            "{conflicts}. Change these, or turn it off.",
            conflicts=found,
        )
    ]

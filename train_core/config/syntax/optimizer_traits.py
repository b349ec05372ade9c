"""Traits of optimizers that follow from their names, known without loading them."""

from __future__ import annotations

from train_core.config.problems import UserError
from train_core.config.sections.optimizer import OptimizerSettings
from train_core.config.syntax.arguments import parse_arguments

_LIKE_ADAM = ("adam", "adan", "adafactor", "ademamix", "lion", "came", "sophia", "lamb")
_ALONE = frozenset({
    "adamw", "adamw8bit", "pagedadamw", "pagedadamw8bit", "pagedadamw32bit", "lion", "lion8bit", "pagedlion8bit",
    "sgdnesterov", "sgdnesterov8bit", "sgd", "adam", "adamax", "nadam", "radam", "rmsprop", "adagrad", "adadelta",
})  # fmt: skip
WARM_UP_ONLY = ("constant", "constant_with_warmup")


def adapts_rate(optimizer_type: str) -> bool:
    """Whether the optimizer finds one learning rate for everything: D-Adaptation and Prodigy, also by dotted path."""
    name = optimizer_type.rpartition(".")[2].lower()
    return name.startswith(("dadapt", "prodigy"))


def steps_each_number_alone(optimizer_type: str) -> bool:
    """Whether a number's step follows from its own gradients alone, so that processes may each step their share.

    Others measure whole layers or all parameters at once. Of a class that is not known nothing is assumed.
    """
    name = optimizer_type.lower()
    return name.removeprefix("torch.optim.") in _ALONE or is_schedule_free(name)


def normalises_steps(settings: OptimizerSettings) -> bool:
    """Whether every step is about as long as the rate whatever the gradients, as Adam's and Lion's are."""
    name = settings.optimizer_type.rpartition(".")[2].lower()
    return any(kind in name for kind in _LIKE_ADAM) and not has_relative_steps(settings)


def is_schedule_free(optimizer_type: str) -> bool:
    """Whether the optimizer averages its steps instead of lowering its rate (Defazio et al., 2024)."""
    return "schedulefree" in optimizer_type.rpartition(".")[2].lower()


def has_relative_steps(settings: OptimizerSettings) -> bool:
    """Whether the optimizer is Adafactor with relative steps, its default: it uses no rate and no schedule."""
    package, _, name = settings.optimizer_type.rpartition(".")
    if name.lower() != "adafactor" or package.startswith("torch"):
        return False
    try:
        arguments = parse_arguments(settings.optimizer_args, "optimizer_args")
    except UserError:
        return False  # the checks report them
    return arguments.get("relative_step", True) is True


def schedule_in_use(settings: OptimizerSettings) -> str:
    """The schedule that is followed: a constant one where the optimizer brings its own; checks say so."""
    if has_relative_steps(settings) or settings.lr_scheduler == "adafactor":
        return "constant"
    if is_schedule_free(settings.optimizer_type) and settings.lr_scheduler not in WARM_UP_ONLY:
        return "constant"
    return settings.lr_scheduler

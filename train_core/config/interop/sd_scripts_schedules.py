"""Schedules in the words of sd-scripts: `lr_scheduler_type` and `lr_scheduler_args`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from train_core.config.interop.given_twice import merged
from train_core.config.problems import UserError, problem
from train_core.config.syntax.arguments import parse_arguments
from train_core.config.syntax.coerce import arguments_in

# Arguments of schedules that are settings here.
SETTINGS = {
    "step_rules": "lr_stages", "min_lr_rate": "lr_scheduler_min_lr_ratio", "min_lr_ratio": "lr_scheduler_min_lr_ratio",
    "num_cycles": "lr_scheduler_num_cycles", "power": "lr_scheduler_power", "timescale": "lr_scheduler_timescale",
}  # fmt: skip


def schedule_in_our_words(values: dict[str, Any], source_of: Callable[[str], str]) -> dict[str, Any]:
    """`values` with what they say of the schedule in our settings.

    Raises `UserError` for a schedule that is given as a class, and for arguments that cannot be read.
    """
    ours = dict(values)
    given = ours.pop("lr_scheduler_type", None)
    if given:
        raise UserError(
            problem(
                "lr_scheduler_type_refused",
                "lr_scheduler_type = {value} in {source} is not supported: a schedule given as a class can be neither "
                "plotted nor resumed exactly. Use lr_scheduler, for example staged with lr_stages.",
                value=repr(given), source=source_of("lr_scheduler_type"),
            )
        )
    if str(ours.get("lr_scheduler", "")).startswith("adafactor:"):
        ours["lr_scheduler"] = "adafactor"  # what follows is only shown there
    if not ours.get("lr_scheduler_args"):
        return ours
    source = source_of("lr_scheduler_args")
    words = arguments_in("lr_scheduler_args", ours["lr_scheduler_args"], source)
    arguments = parse_arguments(words, "lr_scheduler_args")
    said = {SETTINGS[name]: value for name, value in arguments.items() if name in SETTINGS}
    if said:
        ours["lr_scheduler_args"] = [f"{name}={value}" for name, value in arguments.items() if name not in SETTINGS]
    return merged(ours, said, "lr_scheduler_args", source)

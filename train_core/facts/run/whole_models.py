"""Whether the training of a whole model fits: the least memory that it takes, and the drive that its files go to."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, problem
from train_core.config.sections.method import WHOLE
from train_core.facts.datasets.holdout import trained_on
from train_core.facts.datasets.subsets import Subset
from train_core.facts.machine.drives import free_space
from train_core.facts.machine.nvidia import cards
from train_core.facts.run.kept_files import kept_files, kept_states
from train_core.facts.run.result_size import learning_numbers, whole_model_bytes
from train_core.facts.run.steps import count_steps, workload

GB = 10**9
# Bytes that optimizers keep for each number, by lower-case names; paged ones may keep them in main memory.
STATE = {
    "adamw": 8, "adamw8bit": 2, "lion": 4, "lion8bit": 1, "sgdnesterov": 4, "sgdnesterov8bit": 1, "prodigy": 16,
    "adamwschedulefree": 8, "radamschedulefree": 8, "sgdschedulefree": 4,
}  # fmt: skip


def room_for_files(config: TrainConfig, subsets: Sequence[Subset]) -> list[Problem]:
    """The problem that the output folder's drive has no room for the files and states that will be there in the end."""
    free = free_space(config.output.output_dir)
    length = count_steps(workload(trained_on(config, subsets), config.training, config.launch.num_processes))
    count, each = kept_files(config.output, length), whole_model_bytes(config)
    states, state = kept_states(config.output, config.resume, length), state_bytes(config)
    if free is None or count * each + states * state <= free:
        return []
    if count * each <= free:
        return [
            problem(
                "no_room_for_states",
                "{folder} has {free} GB left, but this training saves {count} files of {size} GB each, and {states} "
                "states of {state} GB or more. Free some space, choose another output_dir, or keep fewer states with "
                "save_last_n_epochs_state and save_last_n_steps_state; without save_state and "
                "save_state_every_n_steps only a pause writes one.",
                folder=config.output.output_dir, free=in_gb(free), count=count, size=in_gb(each), states=states,
                state=in_gb(state),
            )
        ]
    return [
        problem(
            "no_room_for_models",
            "{folder} has {free} GB left, but this training saves {count} files of {size} GB each. Free some space, "
            "choose another output_dir, or save fewer with save_every_n_epochs and save_last_n_epochs.",
            folder=config.output.output_dir, free=in_gb(free), count=count, size=in_gb(each),
        )
    ]


def room_in_memory(config: TrainConfig) -> tuple[list[Problem], list[Problem]]:
    """Problems and warnings where the least that must be in memory at once is more than the device has.

    Without a card that is certain; drivers of cards may lend some main memory, so there it is a warning.
    """
    if config.method.training_method not in WHOLE:
        return [], []
    needed = least_memory(config)
    there = None if config.launch.use_cpu else max((card.memory for card in cards()), default=0)
    if there == 0:
        return [], []  # another maker's card, which is not asked
    if there is not None and config.applicable().get("accelerate_config"):
        needed //= config.launch.num_processes  # each card has a share
    total = psutil.virtual_memory().total if there is None else there
    if needed <= total:
        return [], []
    told = problem(
        "whole_model_too_large",
        "Training this whole model takes at least {needed} GB of memory, and there are {total} GB. Turn on full_half "
        "and fused_backward_pass, choose Adafactor or an 8-bit optimizer, train the U-Net only, or train a LoRA.",
        needed=in_gb(needed), total=in_gb(total),
    )
    return ([told], []) if there is None else ([], [told])


def least_memory(config: TrainConfig) -> int:
    """Bytes of the weights that learn, with their gradients, the optimizer's state and averages: nothing else counted.

    With `full_half` but not stepped one by one, weights and gradients are in fp32 while the optimizer steps.
    """
    half = bool(config.applicable().get("full_half"))
    gradients = 0 if config.optimizer.fused_backward_pass else 8 if half else 4
    return learning_numbers(config) * (_kept_for_each(config) + gradients)


def state_bytes(config: TrainConfig) -> int:
    """The least that a state holds: weights that learn, the optimizer's state and averages; 0 where their number is
    not known.

    A run that goes back when its loss diverges keeps two earlier sets of all that with it.
    """
    sets = 3 if config.validation.on_divergence == "recover" else 1
    return sets * learning_numbers(config) * _kept_for_each(config)


def _kept_for_each(config: TrainConfig) -> int:
    """Bytes for each number that learns: its weight, the optimizer's state and its average."""
    optimizer, half = config.optimizer, bool(config.applicable().get("full_half"))
    average = 4 if optimizer.ema_decay else 0
    return (2 if half else 4) + STATE.get(optimizer.optimizer_type.lower(), 0) + average


def in_gb(size: int) -> str:
    """A size in GB, with one digit behind the point."""
    return f"{size / GB:.1f}"

"""Checks of what several machines must know about each other, and of what goes with a model that is shared out."""

from __future__ import annotations

from train_core.config.checks.conflicts import conflicts
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, problem
from train_core.config.sections.launch import LaunchSettings
from train_core.config.sections.method import WHOLE
from train_core.config.syntax.optimizer_traits import steps_each_number_alone


def launch_contradictions(launch: LaunchSettings) -> list[Problem]:
    """Contradictions that keep several machines from connecting."""
    if launch.num_machines == 1:
        return []
    found = []
    if launch.num_processes % launch.num_machines:
        found.append(
            problem(
                "processes_not_shared_evenly",
                "num_processes = {processes} counts the devices of all machines together, so it must be a multiple of "
                "num_machines = {machines}.",
                processes=launch.num_processes, machines=launch.num_machines,
            )
        )
    if launch.machine_rank >= launch.num_machines:
        found.append(
            problem(
                "machine_rank_too_high",
                "machine_rank = {rank} is too high: {machines} machines are numbered 0 to {last}.",
                rank=launch.machine_rank, machines=launch.num_machines, last=launch.num_machines - 1,
            )
        )
    if not launch.main_process_ip or not launch.main_process_port:
        found.append(
            problem(
                "machines_cannot_meet",
                "num_machines = {machines} needs a place to meet: set main_process_ip to the first machine's address "
                "and main_process_port to a free port on it, the same on every machine.",
                machines=launch.num_machines,
            )
        )
    return found


def sharding_contradictions(config: TrainConfig) -> list[Problem]:
    """Contradictions that keep the model from being shared out over the processes."""
    launch, memory = config.launch, config.memory
    if not launch.accelerate_config or launch.num_processes == 1:
        return []
    learns, optimizer, precision = (
        config.method.training_method in WHOLE, config.optimizer.optimizer_type, config.training.mixed_precision,
    )  # fmt: skip
    found = conflicts(
        ("optimizer_type", optimizer, "AdamW", learns and not steps_each_number_alone(optimizer)),
        ("mixed_precision", precision, "bf16", learns and precision == "fp16"),
        ("base_precision", memory.base_precision, "same", memory.base_precision != "same"),
        ("blocks_to_swap", memory.blocks_to_swap, 0, memory.blocks_to_swap > 0),
        ("dynamo_backend", memory.dynamo_backend, "no", memory.dynamo_backend != "no"),
    )
    if not found:
        return []
    return [
        problem(
            "sharding_conflict",
            "accelerate_config shards the U-Net's weights across the processes, which does not work with {conflicts}. "
            "Change these, or clear accelerate_config.",
            conflicts=found,
        )
    ]

"""What several machines need to know of each other before they can start."""

from __future__ import annotations

from train_core.config.problems import Problem, problem
from train_core.config.sections.launch import LaunchSettings


def launch_contradictions(launch: LaunchSettings) -> list[Problem]:
    """Everything that keeps several machines from meeting."""
    if launch.num_machines == 1:
        return []
    found = []
    if launch.num_processes % launch.num_machines:
        found.append(
            problem(
                "processes_not_shared_evenly",
                "num_processes = {processes} counts the devices of all num_machines = {machines} machines, so it must "
                "be a multiple of that.",
                processes=launch.num_processes, machines=launch.num_machines,
            )
        )
    if launch.machine_rank >= launch.num_machines:
        found.append(
            problem(
                "machine_rank_too_high",
                "machine_rank = {rank}, but {machines} machines are numbered 0 to {last}.",
                rank=launch.machine_rank, machines=launch.num_machines, last=launch.num_machines - 1,
            )
        )
    if not launch.main_process_ip or not launch.main_process_port:
        found.append(
            problem(
                "machines_cannot_meet",
                "num_machines = {machines}: set main_process_ip to the first machine's address and main_process_port "
                "to a free port there, the same on every machine.",
                machines=launch.num_machines,
            )
        )
    return found

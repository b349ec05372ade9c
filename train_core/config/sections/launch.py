"""The devices and processes of the run."""

from __future__ import annotations

from train_core.config.conditions import when_above
from train_core.config.setting import Section, setting

SEVERAL_MACHINES = when_above("num_machines", 1)
SEVERAL_PROCESSES = when_above("num_processes", 1)


class LaunchSettings(Section, title="Devices"):
    use_cpu: bool = setting(
        False, "Train on the processor even if there is a graphics card.", label="Use CPU", advanced=True,
    )
    num_processes: int = setting(
        1, "How many devices train together, counting all machines.", label="Number of processes", ge=1, le=64,
        advanced=True,
    )
    num_machines: int = setting(
        1, "How many computers train together. Start the same job on each; all need the same images and base model.",
        label="Number of machines", ge=1, le=64, advanced=True,
    )
    machine_rank: int = setting(
        0, "The number of this computer: 0 for the first, which also saves and reports.", label="Machine rank", ge=0,
        le=63, applies_to=SEVERAL_MACHINES, advanced=True,
    )
    main_process_ip: str = setting(
        "", "Address of the first computer, as the others reach it.", label="Main process IP",
        pattern=r"^[\w.:-]*$", applies_to=SEVERAL_MACHINES, advanced=True,
    )
    gpu_ids: str = setting(
        "", "Which cards to use, for example 0,1; empty uses them in order.", label="GPU ids",
        pattern=r"^(\d+(\s*,\s*\d+)*)?$", advanced=True,
    )
    main_process_port: int = setting(
        0, "Port over which several processes communicate; 0 finds a free one. With several machines, set the same "
        "port on all.", label="Main process port", ge=0, le=65535, advanced=True,
    )
    accelerate_config: str = setting(
        "", "A file written by accelerate config with FSDP chosen: the U-Net is sharded across the processes, and in "
        "training of whole models also text encoders that learn, gradients and optimizer state. For models that do not "
        "fit on one card. Nothing else in the file is used.",
        label="FSDP config file", path="yaml", applies_to=SEVERAL_PROCESSES, advanced=True,
    )
    num_cpu_threads_per_process: int = setting(
        0, "Processor threads for each process; 0 divides all cores evenly.", label="CPU threads per process", ge=0,
        le=1024, advanced=True,
    )

"""The devices and processes of the run."""

from __future__ import annotations

from train_core.config.setting import Section, setting


class LaunchSettings(Section, title="Devices"):
    use_cpu: bool = setting(
        False, "Train on the processor even where a graphics card is found.", label="Use CPU", advanced=True,
    )
    num_processes: int = setting(
        1, "How many devices train together.", label="Number of processes", ge=1, le=64, advanced=True,
    )
    gpu_ids: str = setting(
        "", "Which cards to use, for example 0,1; empty uses the first ones.", label="GPU ids",
        pattern=r"^(\d+(\s*,\s*\d+)*)?$", advanced=True,
    )
    main_process_port: int = setting(
        0, "Port by which several processes talk; 0 finds a free one.", label="Main process port", ge=0, le=65535,
        advanced=True,
    )
    num_cpu_threads_per_process: int = setting(
        0, "Processor threads of each process; 0 shares out all cores.", label="CPU threads per process", ge=0, le=1024,
        advanced=True,
    )

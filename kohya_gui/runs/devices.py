"""The machine's devices, found without importing torch, and how a job spreads over them."""

from __future__ import annotations

import os
import platform
import socket
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil

from train_core.config.checks.consistency import fp16_on_cpu
from train_core.config.problems import Problem, problem, raise_if_any
from train_core.config.sections.launch import LaunchSettings
from train_core.facts.machine import nvidia

Device = Literal["cuda", "mps", "cpu"]


@dataclass(frozen=True)
class Hardware:
    """Devices that torch will find: their kind and number (0 where the number is not known)."""

    device: Device
    count: int


@dataclass(frozen=True, kw_only=True)
class World:
    """The processes of one job, on all machines: where each of them runs and with what."""

    device: Device
    processes: int
    threads: int
    port: int
    mixed_precision: str
    gpu_ids: str
    machines: int = 1
    machine_rank: int = 0
    main_ip: str = "127.0.0.1"

    @property
    def processes_here(self) -> int:
        """Number of the processes that run on this machine."""
        return self.processes // self.machines


def find_hardware() -> Hardware:
    """The device torch will use: a card counts only when the installed torch was built for it."""
    build = _torch_build()
    if sys.platform == "darwin":
        return Hardware("mps", 1) if platform.machine() == "arm64" else Hardware("cpu", 0)
    if os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"} or "cpu" in build:
        return Hardware("cpu", 0)
    if "rocm" in build:
        return Hardware("cuda", 0) if Path("/dev/kfd").exists() else Hardware("cpu", 0)
    if sys.platform == "win32" and not build:
        return Hardware("cpu", 0)  # the build without a suffix has CUDA on Linux only
    cards = _nvidia_cards()
    return Hardware("cuda", cards) if cards else Hardware("cpu", 0)


def _torch_build() -> str:
    """Build of the installed torch, after the plus sign of its version: cpu, cu130, rocm7.2 or nothing."""
    try:
        return metadata.version("torch").partition("+")[2]
    except metadata.PackageNotFoundError:
        return "cpu"


def _nvidia_cards() -> int:
    return sum(line.startswith("GPU ") for line in nvidia.ask("-L"))


def unfit(launch: LaunchSettings, mixed_precision: str, hardware: Hardware) -> list[Problem]:
    """Reasons why a job with these settings cannot run on the machine's devices."""
    device, here = _device(launch, hardware), launch.num_processes // launch.num_machines
    found = [fp16_on_cpu()] if device == "cpu" and mixed_precision == "fp16" else []
    return [*found, *_too_few_cards(launch, here, hardware, device)]


def plan_world(launch: LaunchSettings, mixed_precision: str, hardware: Hardware) -> World:
    """Plan how the job spreads over the machine. Raises `UserError` where it cannot."""
    raise_if_any(unfit(launch, mixed_precision, hardware))
    device, here = _device(launch, hardware), launch.num_processes // launch.num_machines
    return World(
        device=device,
        processes=launch.num_processes,
        threads=launch.num_cpu_threads_per_process or max(1, usable_cores() // here),
        port=launch.main_process_port or free_port(),
        mixed_precision=mixed_precision,
        gpu_ids=launch.gpu_ids.replace(" ", "") if device == "cuda" else "",
        machines=launch.num_machines,
        machine_rank=launch.machine_rank if launch.num_machines > 1 else 0,
        main_ip=launch.main_process_ip if launch.num_machines > 1 else "127.0.0.1",
    )


def _device(launch: LaunchSettings, hardware: Hardware) -> Device:
    return "cpu" if launch.use_cpu else hardware.device


def _too_few_cards(launch: LaunchSettings, processes: int, hardware: Hardware, device: Device) -> list[Problem]:
    cards = len(launch.gpu_ids.split(",")) if launch.gpu_ids else hardware.count
    if device == "cpu" or not cards or processes <= cards:
        return []
    return [problem(
        "too_few_cards",
        "num_processes = {processes}, but there are only {cards} devices to train on. "
        "Lower num_processes, or turn on use_cpu.",
        processes=processes, cards=cards,
    )]  # fmt: skip


def usable_cores() -> int:
    """Physical cores that this process may use; at least 1."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


def free_port() -> int:
    """A port that nothing on this machine listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]

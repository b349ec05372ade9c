"""The device that a bench measures on: choosing it, waiting for it, its memory, and how well a model uses it.

Nothing here was ever run on a graphics card by the project's own tests: none was at hand.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

MATMUL_SIZE = {"cpu": 2048, "cuda": 8192}
MATMULS = 10


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device cpu|cuda` to `parser`."""
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")


def device_of(args: argparse.Namespace) -> torch.device:
    """The device asked for. SystemExit where torch sees no such card."""
    if args.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device cuda: torch sees no CUDA or ROCm card. Install such a build, or leave --device out.")
    return torch.device(args.device)


def name_of(device: torch.device) -> str:
    """The card's name, or the processor's with the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def synchronised(clock: Callable[[], float], device: torch.device) -> Callable[[], float]:
    """`clock`, read once all work that `device` was given is done."""
    if device.type != "cuda":
        return clock

    def read() -> float:
        torch.cuda.synchronize(device)
        return clock()

    return read


def peak_gib(device: torch.device) -> float:
    """The most memory so far, GiB: of tensors on the card, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    unit = 2**30 if sys.platform == "darwin" else 2**20  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def matmul_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Floating point operations a second of large matrix products in `dtype`: what the device can really reach."""
    size = MATMUL_SIZE[device.type]
    a = torch.randn(size, size, device=device, dtype=dtype)
    clock = synchronised(time.perf_counter, device)
    (a @ a).sum()
    started = clock()
    for _ in range(MATMULS):
        a @ a
    return MATMULS * 2 * size**3 / (clock() - started)


def flops_of(work: Callable[[], None]) -> int:
    """Floating point operations of `work`, forward and backward, counted by torch as it runs once."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())

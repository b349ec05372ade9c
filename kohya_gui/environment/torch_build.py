"""Chooses the PyTorch build for the machine: NVIDIA, AMD on Linux, Apple or CPU. Parses on Python 3.7.

What PyTorch 2.13 is built for, by its own release notes: CUDA 13.0 (also what PyPI has for Linux) runs on NVIDIA cards
from Turing on (compute capability 7.5) with a driver from 580; CUDA 12.6 on Maxwell (5.0) to Hopper (9.0) with a driver
from 525; ROCm 7.2 on the AMD chips listed below.
"""
from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

WHEELS = "https://download.pytorch.org/whl/"
PYPI = "PyPI (https://pypi.org)"
CUDA_13_DRIVER, CUDA_12_DRIVER = 580, 525
CUDA_13_CAPABILITY, CUDA_12_LAST_CAPABILITY = (7, 5), (9, 0)
# The kernel's numbers for gfx900, 906, 908, 90a, 942, 950, 1030, 1100 to 1102, 1150, 1151, 1200 and 1201. The graphics
# inside most processors are not among them, and would get a 4 GB download that cannot use them.
ROCM_CHIPS = frozenset((90000, 90006, 90008, 90010, 90402, 90500, 100300, 110000, 110001, 110002, 110500, 110501,
                        120000, 120001))


class Build(NamedTuple):
    """A PyTorch build: for which hardware, from which index ("" is PyPI), and why it was chosen."""

    kind: str
    index_url: str
    why: str


class Source(NamedTuple):
    """Source of pip's packages: its arguments, and the same in words."""

    arguments: tuple
    name: str


class Nvidia(NamedTuple):
    """An NVIDIA card: its driver's major version and its compute capability; zero where not known."""

    driver: int
    capability: tuple


def choose(flag: str, wheels: Source, remembered: str, configured: str, build: Build) -> Source:
    """Return where torch comes from. The first that is given wins.

    flag: --torch-index-url; wheels: the --wheels folder; remembered: the index from CRUCIBLE_TORCH_INDEX or the last
    set-up; configured: what the user's pip configuration names; build: what the hardware asks for.
    """
    if flag:
        return Source(("--index-url", flag), f"{flag} (--torch-index-url)")
    if "--no-index" in wheels.arguments:
        return wheels
    if remembered:
        rest = Source(("--index-url", remembered), remembered)
    elif configured:
        rest = Source((), f"your pip configuration: {configured}")
    elif build.index_url:
        rest = Source(("--index-url", build.index_url), build.index_url)
    else:
        rest = Source((), PYPI)
    if wheels.arguments:
        return Source(wheels.arguments + rest.arguments, f"{wheels.name}: {rest.name}")
    return rest


def detect() -> Build:
    """Return the build for this machine's hardware."""
    system = platform.system()
    if system == "Darwin":
        return Build("Apple", "", "for Apple's chip")
    nvidia = find_nvidia()
    if nvidia:
        return nvidia_build(nvidia, system)
    if system == "Linux" and has_rocm_chip(Path("/sys/class/kfd/kfd/topology/nodes")):
        return Build("AMD", WHEELS + "rocm7.2", "for the AMD card found (ROCm 7.2)")
    return Build("CPU", WHEELS + "cpu", "for the CPU, as no NVIDIA card, or AMD card on Linux, was found")


def nvidia_build(card: Nvidia, system: str) -> Build:
    """Return the CUDA build that the card and its driver can run, saying when the driver should be updated."""
    old_card = (0, 0) < card.capability < CUDA_13_CAPABILITY
    old_driver = 0 < card.driver < CUDA_13_DRIVER
    if old_card or (old_driver and card.capability <= CUDA_12_LAST_CAPABILITY):
        why = "for the NVIDIA card found (CUDA 12.6)"
        if 0 < card.driver < CUDA_12_DRIVER:
            why += f"; its driver {card.driver} is too old to run it: update it to {CUDA_12_DRIVER} or newer"
        return Build("NVIDIA", WHEELS + "cu126", why)
    why = "for the NVIDIA card found (CUDA 13.0)"
    if old_driver:
        why += f"; its driver {card.driver} is too old to run it: update it to {CUDA_13_DRIVER} or newer"
    return Build("NVIDIA", "" if system == "Linux" else WHEELS + "cu130", why)


def find_nvidia() -> Nvidia | None:
    """Return the first NVIDIA card that its driver reports, or None."""
    tool = nvidia_smi()
    if not tool:
        return None
    for fields in ("driver_version,compute_cap", "driver_version"):
        try:
            done = subprocess.run([tool, "--query-gpu=" + fields, "--format=csv,noheader"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        card = parse_nvidia(done.stdout.decode("utf-8", "replace")) if done.returncode == 0 else None
        if card:
            return card
    return None


def parse_nvidia(listing: str) -> Nvidia | None:
    """Return the card in nvidia-smi's first line ("580.65.06, 9.0"); None if the line has another form."""
    match = re.match(r"\s*(\d+)\.[\d.]+\s*(?:,\s*(\d+)\.(\d+))?", listing)
    if not match:
        return None
    driver, major, minor = match.groups()
    return Nvidia(int(driver), (int(major or 0), int(minor or 0)))


def nvidia_smi() -> str:
    """Return the path of nvidia-smi: on PATH or where drivers put it; empty if there is none."""
    windows = Path(os.environ.get("SYSTEMROOT", "C:/Windows")) / "System32" / "nvidia-smi.exe"
    programs = Path(os.environ.get("PROGRAMFILES", "C:/Program Files"))
    usual = (windows, programs / "NVIDIA Corporation" / "NVSMI" / "nvidia-smi.exe",
             Path("/usr/bin/nvidia-smi"), Path("/usr/lib/wsl/lib/nvidia-smi"))
    return shutil.which("nvidia-smi") or next((str(path) for path in usual if path.is_file()), "")


def has_rocm_chip(nodes: Path) -> bool:
    """Whether Linux's compute topology lists an AMD chip that PyTorch's ROCm build has code for."""
    for properties in nodes.glob("*/properties"):
        try:
            text = properties.read_text(encoding="utf-8")
        except OSError:  # the kernel shows each user only the nodes they may use
            continue
        match = re.search(r"^gfx_target_version (\d+)$", text, re.MULTILINE)
        if match and int(match.group(1)) in ROCM_CHIPS:
            return True
    return False


def advice(version: str, build: Build, system: str) -> str:
    """Return advice if the installed torch ("2.13.0+cpu") cannot use the card found; else nothing."""
    label = version.partition("+")[2]
    plain_is_cuda = system == "Linux"
    usable = {"NVIDIA": label.startswith("cu") or (not label and plain_is_cuda), "AMD": label.startswith("rocm")}
    if usable.get(build.kind, True):
        return ""
    index = build.index_url or WHEELS + "cu130"
    return (f"Note: torch {version} cannot use this machine's {build.kind} card, so training would run on the CPU."
            f" For the right build, start once with: --torch-index-url {index}")

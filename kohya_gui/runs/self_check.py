"""What this machine and this copy of the program have, and what about that will be in the way of a training."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from kohya_gui.preferences import own_presets_dir
from kohya_gui.runs.devices import Hardware, find_hardware
from train_core.config.places import caches_dir, home, runs_dir
from train_core.config.problems import Problem, problem
from train_core.facts.machine import nvidia

GIB = 2**30
LITTLE_DISK, LITTLE_MEMORY = 10 * GIB, 8 * GIB
PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "gradio", "bitsandbytes", "lion-pytorch", "dadaptation",
            "prodigyopt", "schedulefree", "tensorboard")  # fmt: skip
SERIES_16 = re.compile(r"\bGTX 16\d0\b")


@dataclass(frozen=True)
class Machine:
    """The machine: bytes of memory and of the drive with Crucible's home, and its cards."""

    hardware: Hardware
    cards: tuple[nvidia.Card, ...]
    memory: int
    free_memory: int
    disk: int
    free_disk: int
    system: str


def machine() -> Machine:
    """This machine now."""
    folder = next(path for path in (home(), *home().parents) if path.exists())
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(folder)
    return Machine(
        find_hardware(), tuple(nvidia.cards()), memory.total, memory.available, disk.total, disk.free,
        f"{platform.system()} {platform.release()}",
    )  # fmt: skip


def packages() -> dict[str, str]:
    """The version of each package that trainings use; "" for a missing one."""
    return {name: _version(name) for name in PACKAGES}


def folders() -> dict[str, Path]:
    """Crucible's own folders by what is in them."""
    return {"home": home(), "presets": own_presets_dir(), "runs": runs_dir(), "caches": caches_dir()}


def size_of(folder: Path) -> int:
    """Bytes of all files below `folder`; 0 where it is missing."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def findings(found: Machine, installed: dict[str, str]) -> Iterator[Problem]:
    """What will be in the way, the worst first."""
    missing = [name for name, number in installed.items() if not number]
    if missing:
        yield problem(
            "check_packages_missing",
            "These packages are missing: {names}. Close Crucible and start it again; set-up installs them.",
            names=", ".join(missing),
        )
    if found.hardware.device == "cpu":
        yield _no_card(found)
    for name in sorted({card.name for card in found.cards if SERIES_16.search(card.name)}):
        yield problem(
            "check_series_16",
            "{card} computes NaN in fp16, and black pictures with it. Set the mixed precision to no.",
            card=name,
        )
    if found.free_disk < LITTLE_DISK:
        yield problem(
            "check_little_disk",
            "Only {free} GiB are free where runs and caches are kept. Free some space, or set CRUCIBLE_HOME to another "
            "drive.",
            free=f"{found.free_disk / GIB:.1f}",
        )
    if found.free_memory < LITTLE_MEMORY:
        yield problem(
            "check_little_memory",
            "Only {free} GiB of memory are free. Loading SDXL takes up to 8 GiB: close other programs first.",
            free=f"{found.free_memory / GIB:.1f}",
        )


def _no_card(found: Machine) -> Problem:
    if found.cards:
        return problem(
            "check_card_unused",
            "There is a card ({card}), but the installed PyTorch {torch} does not use it. Close Crucible and start it "
            "again; set-up looks for the PyTorch that fits the card.",
            card=found.cards[0].name, torch=_version("torch"),
        )  # fmt: skip
    return problem(
        "check_no_card",
        "No card was found: trainings run on the processor, which takes many times as long. If there is a card, "
        "install its driver and start Crucible again.",
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""

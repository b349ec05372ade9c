"""Small drives of their own, to be filled, made read-only or taken away. Only Linux gives them, and only to root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Drive:
    """A drive of a few kilobytes, mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no room on it."""
        with (self.path / "filling").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def empty(self) -> None:
        """Give the room back."""
        (self.path / "filling").unlink()

    def make_read_only(self, folder: Path) -> None:
        """Let nothing be written to a folder on it any more, though files there are open."""
        subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)


@contextmanager
def small_drive(path: Path, kilobytes: int) -> Iterator[Drive]:
    """A drive at `path`, an empty folder that is made; skips the test where there is none to be had."""
    path.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may mount a drive")
    size = f"size={kilobytes}k"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(path)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no drive can be mounted here: {mounted.stderr.decode(errors='replace').strip()}")
    try:
        yield Drive(path)
    finally:
        subprocess.run(["umount", "--lazy", "--recursive", str(path)], check=False)

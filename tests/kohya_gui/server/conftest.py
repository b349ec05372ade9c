"""A page that is really served, with a stand-in for what is on it, and a home with one run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from kohya_gui.server.app import Served
from tests.event_lines import EventLog
from tests.kohya_gui.server.serving import RUN
from train_core.config.places import runs_dir


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    """A home with one run that has drawn one picture; a second picture beside it was drawn by nobody."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRUCIBLE_HOME", str(home))
        folder = runs_dir() / RUN
        folder.mkdir(parents=True)
        (folder / "config.toml").touch()
        samples = home / "out 家" / "sample"
        samples.mkdir(parents=True)
        for name in ("drawn.png", "other.png"):
            Image.new("RGB", (8, 8), "red").save(samples / name)
        log = EventLog(folder / "events.jsonl")
        log.write("started", total_steps=1, epochs=1)
        log.write("sample", path=str(samples / "drawn.png"), prompt="p", index=0, step=0, epoch=0, seed=1)
        log.write("sample", path=str(samples / "gone.png"), prompt="p", index=1, step=0, epoch=0, seed=1)
        log.write("sample", path=str(home / "secret.txt"), prompt="p", index=2, step=0, epoch=0, seed=1)
        log.close()
        (home / "secret.txt").write_text("geheim")
        yield home


@pytest.fixture(scope="module")
def client(page: Served) -> Iterator[httpx.Client]:
    """A visitor of the module's page."""
    with httpx.Client(base_url=page.local_url, trust_env=False, timeout=60) as client:
        yield client

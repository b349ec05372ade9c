"""Adapters with random weights on tiny models, and tools run as a terminal runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.adapters import adapter_on
from tests.event_lines import Event, read_events
from tests.tiny import tiny_file
from tests.tiny_families import file_of
from train_core.config.jobs.table import job_of
from train_core.config.phrases import from_plain
from train_core.config.places import app_dir, tools_dir
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import NetworkSettings
from train_core.facts.run.run_folders import new_folder
from train_core.jobs.start import start_job
from train_core.models.family import Family
from train_core.models.load import load_family
from train_core.networks.attach import Adapter
from train_core.networks.files.adapter_file import save_adapter
from train_core.workshop.common.report import Progress, Report

VERSIONS = {"sd1": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0"}
LATENTS = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
TIMESTEPS = torch.tensor([10, 700])


def model_file(kind: str) -> Path:
    return tiny_file() if kind == "sd1" else file_of(kind)


def load(path: Path) -> Family:
    settings = ModelSettings(pretrained_model_name_or_path=str(path), v_parameterization="epsilon")
    return load_family(settings, torch.float32)


@cache
def family(kind: str) -> Family:
    return load(model_file(kind))


def prediction(its: Family) -> torch.Tensor:
    with torch.no_grad():
        return its.predict(LATENTS, TIMESTEPS, its.encode_text(["a dog", "two cats"]))


def random_adapter(kind: str, seed: int = 0, size: float = 0.05, **settings: Any) -> Adapter:
    """An adapter on the tiny model, not attached, every number of which has moved."""
    network = {name: value for name, value in settings.items() if name in NetworkSettings.model_fields}
    algorithm = {name: value for name, value in settings.items() if name in AlgorithmSettings.model_fields}
    its = family(kind)
    adapter = adapter_on(
        its.targets(), NetworkSettings(**{"network_dim": 4, "network_alpha": 2, **network}), seed,
        AlgorithmSettings(**algorithm), its.block_layout,
    )
    generator = torch.Generator().manual_seed(seed)
    for parameter in adapter.parameters():
        parameter.data += size * torch.randn(parameter.shape, generator=generator)
    return adapter.eval()


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a random adapter to a file."""

    def written(name: str, kind: str = "sd1", dtype: torch.dtype = torch.float32, **settings: Any) -> Path:
        path = tmp_path / f"{name}.safetensors"
        said = {"ss_base_model_version": VERSIONS[kind], "ss_v2": str(kind == "sd2"), "ss_output_name": name}
        save_adapter(path, random_adapter(kind, **settings).state_dict_for_file(dtype), said)
        return path

    return written


RunTool = Callable[..., list[Event]]


@pytest.fixture
def run_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunTool:
    """Runs a tool with settings by name; gives its events."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))

    def run(tool: str, **settings: Any) -> list[Event]:
        folder = new_folder(tools_dir(), tool)
        (folder / "config.toml").touch()
        texts = {
            name: "\n".join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in settings.items()
        }
        code = start_job(job_of(tool), folder / "config.toml", texts)
        events = read_events(folder / "events.jsonl")
        assert (code == 0) == (events[-1]["status"] == "completed")
        return events

    return run


def table(events: list[Event], name: str) -> list[list[Any]]:
    """The rows of a table that the tool sent."""
    rows = next(event["rows"] for event in events if event["kind"] == "table" and event["name"] == name)
    return [from_plain(row) for row in rows]


def errors(events: list[Event]) -> list[str]:
    assert events[-1]["status"] == "failed"
    return [event["code"] for event in events if event["kind"] == "error"]


def kill_halfway(program: str, tool: str, settings: Mapping[str, Any]) -> None:
    """Run a tool in a process by `program`, which says "half" when it is to be killed."""
    words = [word for name, value in settings.items() for word in ("--set", name, str(value))]
    with subprocess.Popen(
        [sys.executable, "-c", program, tool, *words], cwd=app_dir(), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONUTF8": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert any(line.strip() == b"half" for line in process.stdout)
        process.kill()


def stopping_after(count: int) -> Callable[[Report, str], Progress]:
    """A `Report.stage` whose progress ends the tool, as the page's Stop does, when so much is done."""
    stage = Report.stage

    def stopping(self: Report, name: str) -> Progress:
        progress = stage(self, name)

        def counted(done: int, total: int) -> None:
            progress(done, total)
            if done == count:
                raise KeyboardInterrupt

        return counted

    return stopping

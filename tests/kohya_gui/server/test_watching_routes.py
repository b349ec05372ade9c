"""The routes that tell which runs have ended since a browser has asked last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kohya_gui.server.app import Served
from tests.event_lines import EventLog
from tests.kohya_gui.server.serving import RUN, post, served
from train_core.config.places import runs_dir


@pytest.fixture(scope="module")
def page(home: Path) -> Iterator[Served]:
    with served() as page:
        yield page


def waiting(name: str) -> Path:
    """A run that waits."""
    folder = runs_dir() / name
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    return folder


def end(folder: Path, status: str, **error: object) -> None:
    log = EventLog(folder / "events.jsonl")
    log.write("started", total_steps=1, epochs=1)
    if error:
        log.write("error", **error)
    log.write("finished", status=status)
    log.close()


def test_each_run_that_has_ended_is_told_once(client: httpx.Client, home: Path) -> None:
    fox, owl = waiting("20260201-000000-fox"), waiting("20260202-000000-owl")
    first = post(client, "ended", {})
    assert (first["seen"], first["ended"]) == ([owl.name, fox.name], [])  # nothing that ended before is told
    assert post(client, "ended", first)["ended"] == []
    end(fox, "completed")
    end(owl, "failed", code="made_up", text="The file <x> is gone.\nMore.", params={})
    second = post(client, "ended", first)
    assert [(one["run"], one["title"]) for one in second["ended"]] == [
        (fox.name, "fox: finished"), (owl.name, "owl: failed")
    ]  # fmt: skip
    assert second["ended"][1]["words"] == "The file <x> is gone."
    assert (second["seen"], post(client, "ended", second)["ended"]) == ([], [])
    assert post(client, "ended", first, "zh-CN")["ended"][0]["title"] == "fox：已完成"


def test_a_run_that_begins_and_ends_between_two_looks_is_told_too(client: httpx.Client, home: Path) -> None:
    before = post(client, "ended", {})
    quick = waiting("20260301-000000-quick")
    end(quick, "stopped")
    assert [one["run"] for one in post(client, "ended", before)["ended"]] == [quick.name]


@pytest.mark.parametrize("asked", [{"seen": 1, "newest": 2}, {"seen": [None, {}, RUN], "newest": None}, {"seen": "x"}])
def test_a_browser_may_ask_for_anything(client: httpx.Client, asked: dict[str, object]) -> None:
    assert isinstance(post(client, "ended", asked)["ended"], list)
    assert post(client, "cards", asked) == {"html": ""}

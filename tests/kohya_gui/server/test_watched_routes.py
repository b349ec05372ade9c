"""The route that tells what is happening: the run beside the form, and the tool that was used last."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from kohya_gui.runs import follow
from kohya_gui.server import watched as route
from kohya_gui.server.app import Served
from kohya_gui.tabs.train_run import build_run_panel, look
from tests.event_lines import EventLog
from tests.kohya_gui.server.serving import post, served
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir, tools_dir


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    """An empty home; each look reads anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRUCIBLE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(follow, "FRESH", 0.0)
        yield Path(os.environ["CRUCIBLE_HOME"])


@pytest.fixture(scope="module")
def page(home: Path) -> Iterator[Served]:
    with served() as page:
        yield page


def begin(folder: Path, **said: Any) -> EventLog:
    """A job in `folder` that is at work as far as the page can see; this process passes for its own."""
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    log = EventLog(folder / "events.jsonl")
    log.write("started", **{"total_steps": 10, "epochs": 1, "pid": os.getpid(), **said})
    return log


def test_all_is_told_once_and_then_only_what_has_changed(client: httpx.Client) -> None:
    log = begin(runs_dir() / "20260101-000000-fox")
    first = post(client, "watch", {})
    assert set(first["parts"]) == {"run-status", "run-charts", "run-samples", "run-console", "tool-view"}
    assert post(client, "watch", {"known": first["sums"]})["parts"] == {}
    log.write("sample", path="/out/a.png", prompt="a <fox>", index=0, step=1, epoch=1, seed=1)
    second = post(client, "watch", {"known": first["sums"]})
    assert set(second["parts"]) == {"run-samples"}
    assert "a &lt;fox&gt;" in second["parts"]["run-samples"]
    assert second["controls"] == first["controls"]
    log.write("finished", status="completed", path="")
    third = post(client, "watch", {"known": second["sums"]})
    assert set(third["parts"]) == {"run-status"}
    assert third["controls"] != first["controls"]
    assert "已完成" in post(client, "watch", {"known": third["sums"]}, "zh-CN")["parts"]["run-status"]


def test_what_is_told_of_the_buttons_is_what_gradio_shows_after_another_look(client: httpx.Client) -> None:
    with gr.Blocks():
        panel = build_run_panel({TrainConfig: gr.Button()}, gr.Button(), gr.Radio())
    log = begin(runs_dir() / "20260102-000000-owl")
    shown = look(panel, None, {}, "en")
    seen = {"shown": shown[panel.seen]["shown"], "newest": shown[panel.seen]["newest"]}
    assert f'data-controls="{post(client, "watch", seen)["controls"]}"' in shown[panel.stamp]
    log.write("finished", status="completed", path="")
    begin(runs_dir() / "20260103-000000-elk")  # it is shown instead, as soon as gradio is asked
    told = post(client, "watch", seen)["controls"]
    assert f'data-controls="{told}"' not in shown[panel.stamp]
    assert f'data-controls="{told}"' in look(panel, seen["shown"], shown[panel.seen], "en")[panel.stamp]


def test_the_run_that_is_asked_for_is_shown(client: httpx.Client) -> None:
    begin(runs_dir() / "20260104-000000-ibis").write("rate_found", rate=6e-4, suggestions={
        "AdamW8bit": {"unet_lr": 6e-4, "text_encoder_lr": 3e-4}})  # fmt: skip
    begin(runs_dir() / "20260105-000000-newer")
    asked = {"shown": "20260104-000000-ibis", "newest": "20260105-000000-newer"}
    status = post(client, "watch", asked)["parts"]["run-status"]
    assert "AdamW8bit: U-Net learning rate 6e-4, Text encoder learning rate 3e-4" in status


def test_of_class_images_the_newest_are_shown_first_and_progress_is_theirs(client: httpx.Client) -> None:
    log = begin(runs_dir() / "20260106-000000-class-images", job="class_images", images=40, total_steps=None)
    log.write("stage", name="drawing", done=30, total=40)
    for number in range(30):
        log.write("sample", path=f"/reg/1_dog/{number:05d}-1.png", prompt="dog", index=0, step=0, epoch=None, seed=1)
    parts = post(client, "watch", {"shown": "20260106-000000-class-images"})["parts"]
    assert parts["run-samples"].count("<img") == 24
    assert parts["run-samples"].index("00029-1.png") < parts["run-samples"].index("00028-1.png")
    assert 'aria-valuenow="75"' in parts["run-status"]


def test_a_tool_is_told_until_it_has_ended(client: httpx.Client) -> None:
    log = begin(tools_dir() / "20260101-000000-resize", job="resize_lora", total_steps=None)
    assert post(client, "watch", {})["tool"] is True
    log.write("finished", status="completed", path="")
    told = post(client, "watch", {})
    assert told["tool"] is False
    assert "finished" in told["parts"]["tool-view"]


@pytest.mark.parametrize("nonsense", [
    {"known": 3, "shown": 5, "newest": []}, {"known": {"run-status": {}}, "shown": "../../etc"}, {"known": None},
])  # fmt: skip
def test_nonsense_from_a_browser_is_answered_like_the_first_question(client: httpx.Client, nonsense: Any) -> None:
    assert set(post(client, "watch", nonsense)["parts"]) == set(post(client, "watch", {})["parts"])


def test_what_many_look_at_is_read_and_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    log = begin(runs_dir() / "20260107-000000-shared")
    drawn: list[str] = []
    monkeypatch.setattr(route, "status_html", lambda view, language: drawn.append(language) or f"step {view.step}")
    monkeypatch.setattr(follow, "FRESH", 3600.0)
    shared = route.Drawn()
    asked = {"shown": "20260107-000000-shared"}
    first = route._watch(asked, "en", shared, tried=False)
    log.write("progress", step=1, total_steps=10, epoch=1, epochs=1, loss=0.1, average=0.1, lr={}, speed=1.0, eta=1.0)
    assert route._watch(asked, "en", shared, tried=False) == first
    assert drawn == ["en"]
    monkeypatch.setattr(follow, "FRESH", 0.0)
    assert route._watch(asked, "en", shared, tried=False)["parts"]["run-status"] == "step 1"
    assert drawn == ["en", "en"]


def test_the_end_of_a_try_has_gradio_asked(home: Path) -> None:
    assert route._watch({}, "en", route.Drawn(), tried=True)["controls"] == "tried"

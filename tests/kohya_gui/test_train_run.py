"""The run panel shows the right run, and has gradio change only what has changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from kohya_gui.tabs.filled_dropdown import filled_dropdown
from kohya_gui.tabs.train_run import RunPanel, build_run_panel, look
from tests.event_lines import EventLog
from tests.loops import in_its_own_loop
from train_core.config.jobs.class_images import ClassImagesConfig
from train_core.config.jobs.find_rate import FindRateConfig
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir


@pytest.fixture
def panel() -> RunPanel:
    with gr.Blocks():
        starters = {job: gr.Button(job.title) for job in (TrainConfig, FindRateConfig, ClassImagesConfig)}
        return build_run_panel(starters, gr.Button("stop"), gr.Radio(["will", "is"]))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))


def add_run(name: str, **finished: str) -> EventLog:
    """A run that this process trains, until it says that it has finished."""
    folder = runs_dir() / name
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    log = EventLog(folder / "events.jsonl")
    log.write("started", total_steps=10, epochs=1, pid=os.getpid())
    if finished:
        log.write("finished", path="", **finished)
    return log


def chosen(panel: RunPanel, updates: dict) -> str | None:
    return updates[panel.choice]["value"]


def test_the_newest_run_is_shown_unless_another_is_asked_for(panel: RunPanel):
    add_run("20260101-000000-old", status="completed")
    add_run("20260102-000000-new", status="stopped")
    assert chosen(panel, look(panel, None, {}, "en")) == "20260102-000000-new"
    assert chosen(panel, look(panel, "20260101-000000-old", {}, "en")) == "20260101-000000-old"
    assert chosen(panel, look(panel, "20260103-000000-gone", {}, "en")) == "20260102-000000-new"


def test_a_run_that_is_started_meanwhile_is_shown(panel: RunPanel):
    add_run("20260101-000000-old", status="completed")
    first = look(panel, None, {}, "en")
    add_run("20260102-000000-new")
    second = look(panel, "20260101-000000-old", first[panel.seen], "en")
    assert chosen(panel, second) == "20260102-000000-new"
    assert second[panel.mode] == "is"
    assert not second[panel.starters[TrainConfig]]["interactive"]
    assert second[panel.buttons["stop"]]["visible"]


def test_an_older_run_can_be_looked_at_while_one_runs(panel: RunPanel):
    add_run("20260101-000000-old", status="completed")
    add_run("20260102-000000-new")
    first = look(panel, None, {}, "en")
    assert chosen(panel, first) == "20260102-000000-new"
    assert chosen(panel, look(panel, "20260101-000000-old", first[panel.seen], "en")) == "20260101-000000-old"


def test_a_second_look_sends_nothing_when_nothing_has_happened(panel: RunPanel):
    add_run("20260101-000000-a", status="completed")
    first = look(panel, None, {}, "en")
    assert {panel.choice, panel.controls} < set(first)
    second = look(panel, None, first[panel.seen], "en")
    assert set(second) == {panel.seen, panel.stamp}
    assert second[panel.stamp] == first[panel.stamp]


def test_what_a_run_does_changes_the_stamp_only_with_the_list_and_the_buttons(panel: RunPanel):
    log = add_run("20260101-000000-a")
    first = look(panel, None, {}, "en")
    log.write("sample", path="/out/a.png", prompt="p", index=0, step=1, epoch=1, seed=1)
    second = look(panel, None, first[panel.seen], "en")
    assert second[panel.stamp] == first[panel.stamp]
    log.write("finished", path="", status="completed")
    third = look(panel, None, second[panel.seen], "en")
    assert third[panel.stamp] != first[panel.stamp]
    assert {panel.choice, panel.controls} < set(third)


def test_another_language_is_sent_again(panel: RunPanel):
    add_run("20260101-000000-a", status="completed")
    first = look(panel, None, {}, "en")
    second = look(panel, None, first[panel.seen], "zh-CN")
    assert "已完成" in str(second[panel.choice]["choices"])
    assert second[panel.stamp] != first[panel.stamp]


def test_start_can_be_pressed_when_nothing_runs_and_stop_cannot(panel: RunPanel):
    add_run("20260101-000000-a", status="completed")
    updates = look(panel, None, {}, "en")
    assert panel.mode not in updates
    assert updates[panel.starters[TrainConfig]]["interactive"]
    assert not updates[panel.buttons["stop"]]["visible"]


def test_what_can_be_asked_of_a_run_is_shown_while_it_runs_and_resume_once_it_has_a_state(panel: RunPanel, tmp_path):
    log = add_run("20260101-000000-a")
    running = look(panel, None, {}, "en")
    assert running[panel.controls]["visible"]
    assert not running[panel.buttons["resume"]]["visible"]
    (tmp_path / "a-state").mkdir()
    (tmp_path / "a-state" / "state.json").touch()
    log.write("state", path=str(tmp_path / "a-state"), step=1, epoch=1)
    log.write("finished", status="paused", path=str(tmp_path / "a-state"))
    paused = look(panel, None, running[panel.seen], "en")
    assert not paused[panel.controls]["visible"]
    assert paused[panel.buttons["resume"]]["visible"]


def test_rates_that_were_found_are_shown_and_can_be_used(panel: RunPanel):
    log = add_run("20260101-000000-a-rate")
    assert not look(panel, None, {}, "en")[panel.buttons["use_rates"]]["visible"]
    log.write("rate_found", rate=6e-4, suggestions={"AdamW8bit": {"unet_lr": 6e-4, "text_encoder_lr": 3e-4}})
    log.write("finished", status="completed", path=None)
    found = look(panel, None, {}, "en")
    assert found[panel.buttons["use_rates"]]["visible"]


def test_a_run_that_waits_in_the_queue_keeps_no_button_from_working_and_is_not_jumped_to(panel: RunPanel):
    add_run("20260101-000000-old", status="completed")
    first = look(panel, None, {}, "en")
    (runs_dir() / "20260102-000000-waits").mkdir()
    (runs_dir() / "20260102-000000-waits" / "config.toml").touch()
    second = look(panel, None, first[panel.seen], "en")
    assert chosen(panel, second) == "20260101-000000-old"
    asked = look(panel, "20260102-000000-waits", {}, "en")
    assert asked[panel.starters[TrainConfig]]["interactive"]
    assert not asked[panel.buttons["stop"]]["visible"]
    add_run("20260103-000000-new")
    assert chosen(panel, look(panel, None, second[panel.seen], "en")) == "20260103-000000-new"


@in_its_own_loop
async def test_a_choice_that_the_list_has_lost_meanwhile_still_reaches_its_handler():
    with gr.Blocks() as page:
        choice, told = filled_dropdown("runs"), gr.Textbox()
        emptied = gr.Button().click(lambda: gr.update(choices=[], value=None), None, choice)
        pressed = gr.Button().click(lambda run: f"{run} is gone", choice, told)
    assert choice.get_block_name() == "dropdown", "gradio draws it as it draws every list"
    opened = SessionState(page)

    async def answer(handler: dict[str, Any], *inputs: str) -> list[str]:
        return (await page.process_api(page.fns[handler["id"]], list(inputs), state=opened))["data"]

    await answer(emptied)
    assert await answer(pressed, "20260101-mine") == ["20260101-mine is gone"]

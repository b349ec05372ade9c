"""The Runs tab in a real browser: runs wait, move, start and end, and their history is searched, noted and deleted."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from kohya_gui.runs import control
from kohya_gui.runs.history.notes import read_notes
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.queue import queueing, when_empty
from kohya_gui.runs.queue.queue_file import load
from kohya_gui.runs.queue.runner import BackgroundRunner
from kohya_gui.tabs.runs import build_runs
from tests.event_lines import EventLog
from tests.gui.alone import serve_alone
from train_core.config.files import write_toml
from train_core.config.jobs.table import job_of
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir

JOBS = Path(__file__).parents[1] / "kohya_gui" / "runs"  # where the job is that waits
REPOSITORY = Path(__file__).parents[2]


def runs_and_field() -> None:
    """Lay out the Runs tab, and a field that shows which settings the form would get."""
    tab = build_runs()
    got = gr.Textbox(elem_id="got")
    times = itertools.count(1)
    tab.load.input(lambda path: f"{next(times)} {path}", [tab.load], [got])


@dataclass(frozen=True)
class Place:
    """A served page, opened in the browser; `add` lets a run wait, whose job ends when `open_gate` was called."""

    page: Page
    folder: Path

    def add(self, title: str) -> str:
        job = job_of("waiting_job:Wait")
        return queueing.add(job, job.from_flat({"title": title, "gate": str(self.folder / title)})).run

    def open_gate(self, title: str) -> None:
        (self.folder / title).touch()

    def row(self, run: str, part: str = "history"):
        return self.page.locator(f'#{part}-rows [data-run="{run}"].run-row')

    def names(self, part: str = "history") -> list[str]:
        return self.page.locator(f"#{part}-rows .run-name > b").all_inner_texts()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(JOBS), str(REPOSITORY)]))
    monkeypatch.syspath_prepend(str(JOBS))
    monkeypatch.setattr(when_empty, "power_off_command", lambda: None)  # whatever goes wrong, this machine stays on
    return tmp_path / "home"


@pytest.fixture
def opened(browser: Browser, home: Path, tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """`opened()` serves the page and opens it."""
    with serve_alone(runs_and_field, "runs.js", home, 18820, "runs.css") as address:
        runner = BackgroundRunner()
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")

        def open_page() -> Place:
            page = context.new_page()
            page.goto(address)
            expect(page.locator("#runs-search")).to_be_visible()
            return Place(page, tmp_path)

        yield open_page
        context.close()
        runner.close()
    for run in list_runs():
        control.kill(run.folder)


def past_run(name: str, out: Path, status: str = "completed", **flat: object) -> Path:
    """A training of the past, with a result and a picture."""
    folder, title = runs_dir() / name, name[16:]
    folder.mkdir(parents=True)
    (out / "sample").mkdir(parents=True, exist_ok=True)
    write_toml(folder / "config.toml", TrainConfig.from_flat({"output_name": title, **flat}))
    picture, result = out / "sample" / f"{title}.png", out / f"{title}.safetensors"
    Image.new("RGB", (64, 64), "red").save(picture)
    result.write_bytes(b"x" * 100)
    log = EventLog(folder / "events.jsonl")
    log.write("started", job="train", output_name=title, total_steps=10, epochs=1)
    log.write("progress", step=10, total_steps=10, epoch=1, epochs=1, loss=0.5, average=0.125, lr={})
    log.write("sample", path=str(picture), prompt="p", index=0, step=10, epoch=1, seed=1)
    log.write("finished", status=status, path=str(result))
    log.close()
    (folder / "manifest.json").write_text(f'[["{result}", "final", 10, 0]]')
    return folder


def test_a_queue_is_paused_reordered_edited_and_run(opened: Callable[..., Place]) -> None:
    place = opened()
    page = place.page
    page.locator("[data-act=queue_pause]").click()
    expect(page.locator("[data-act=queue_go]")).to_be_visible()
    first, second, third = (place.add(title) for title in ("a", "b", "c"))
    expect(page.locator("#queue-count")).to_contain_text("3 waiting")
    place.row(third, "queue").locator("[data-act=up]").click()
    expect(page.locator("#queue-rows .run-name > b").nth(1)).to_have_text("c")
    assert place.names("queue") == ["a", "c", "b"]

    place.row(second, "queue").locator("[data-dialog=edit]").click()
    settings = page.locator("#runs-dialog textarea")
    settings.fill(settings.input_value().replace("title", "heading"))
    page.locator("#runs-dialog [data-act=edit]").click()
    expect(page.locator("#runs-dialog .dialog-error")).to_contain_text("heading")
    settings.fill(settings.input_value().replace("heading", "title").replace('"b"', '"other"'))
    page.locator("#runs-dialog [data-act=edit]").click()
    expect(page.locator("#runs-dialog")).not_to_be_visible()
    assert 'title = "other"' in (runs_dir() / second / "config.toml").read_text("utf-8")

    place.row(second, "queue").locator("[data-dialog=at]").click()
    page.locator("#runs-dialog [name=time]").fill("soon")
    page.keyboard.press("Enter")
    expect(page.locator("#runs-dialog .dialog-error")).to_contain_text("soon")
    page.locator("#runs-dialog [name=time]").fill("+48h")
    page.keyboard.press("Enter")
    expect(place.row(second, "queue")).to_contain_text("not before")

    place.row(first, "queue").locator("[data-dialog=remove]").click()
    expect(page.locator("#runs-dialog")).to_contain_text("settings are deleted with it")
    page.locator("#runs-dialog [data-close]").click()
    assert place.names("queue") == ["a", "c", "b"]
    place.row(first, "queue").locator("[data-dialog=remove]").click()
    page.locator("#runs-dialog [data-act=remove]").click()
    expect(place.row(first, "queue")).to_have_count(0)
    page.locator("#queue-at-once").select_option("2")
    page.locator("#queue-when-empty").select_option("power_off")
    page.locator("#queue-when-empty").select_option("nothing")
    page.locator("[data-act=queue_go]").click()
    expect(place.row(third, "queue").locator(".badge")).to_have_text("running")
    expect(place.row(second, "queue").locator(".badge")).to_have_text("waiting")
    assert (load().at_once, load().when_empty) == (2, "nothing")
    place.open_gate("c")
    expect(place.row(third).locator(".badge")).to_have_text("finished")
    expect(place.row(third, "queue")).to_have_count(0)


def test_a_running_run_is_stopped_and_another_one_ended(opened: Callable[..., Place]) -> None:
    place = opened()
    first, second = place.add("a"), place.add("b")
    expect(place.row(first).locator(".badge")).to_have_text("running")
    place.row(first).locator("[data-act=stop]").click()
    expect(place.row(first).locator(".badge")).to_have_text("stopped")
    expect(place.row(second).locator(".badge")).to_have_text("running")
    place.row(second).locator("[data-dialog=kill]").click()
    place.page.locator("#runs-dialog [data-act=kill]").click()
    expect(place.row(second).locator(".badge")).to_have_text("stopped")
    assert "nothing waits" in place.page.locator("#queue-count").inner_text().lower()


def test_the_history_is_searched_noted_and_compared(opened: Callable[..., Place], tmp_path: Path) -> None:
    fox = past_run("20260101-000000-fox", tmp_path / "out", network_dim=8)
    past_run("20260102-000000-owl", tmp_path / "out", "failed", network_dim=64)
    place = opened()
    page = place.page
    row = place.row(fox.name)
    expect(row).to_contain_text("0.1250")
    thumb = row.locator("img.thumb")
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=thumb.element_handle())

    row.locator("[data-dialog=note]").click()
    page.locator("#runs-dialog [name=note]").fill("the <b>eyes</b> are right")
    page.locator("#runs-dialog [name=tags]").fill("keeper, zuko")
    page.locator("#runs-dialog [data-act=note]").click()
    expect(row.locator(".run-words")).to_have_text("the <b>eyes</b> are right")
    assert read_notes(fox).tags == ("keeper", "zuko")

    search = page.locator("#runs-search")
    search.press_sequentially("eyes")
    expect(page.locator("#runs-count")).to_have_text("1 of 2 runs")
    assert (place.names(), search.input_value()) == (["fox"], "eyes")
    search.fill("nothing like it")
    expect(page.locator(".runs-empty")).to_be_visible()
    search.fill("")
    expect(page.locator("#runs-count")).to_have_text("Runs: 2")
    page.locator("#runs-group").select_option("failed")
    expect(page.locator("#runs-count")).to_have_text("1 of 2 runs")
    assert place.names() == ["owl"]
    page.locator("#runs-group").select_option("all")
    page.locator("button.tag", has_text="keeper").click()
    expect(page.locator("button.tag", has_text="keeper")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#runs-count")).to_have_text("1 of 2 runs")
    page.locator("button.tag", has_text="keeper").click()
    expect(page.locator("#runs-count")).to_have_text("Runs: 2")

    compare = page.locator("#runs-compare")
    expect(compare).to_be_disabled()
    for box in page.locator("[data-pick]").all():
        box.check()
    compare.click()
    expect(page.locator(".differences tbody tr", has_text="8")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#runs-dialog")).not_to_be_visible()


def test_a_long_comparison_is_shown_from_its_beginning(opened: Callable[..., Place], tmp_path: Path) -> None:
    past_run("20260101-000000-fox", tmp_path / "out")
    (past_run("20260102-000000-owl", tmp_path / "out") / "config.toml").write_text("config_version = 1\n")
    page = opened().page
    for box in page.locator("[data-pick]").all():
        box.check()
    page.locator("#runs-compare").click()
    dialog = page.locator("#runs-dialog")
    expect(dialog.locator("h3")).to_be_in_viewport()
    assert dialog.evaluate("dialog => [dialog.scrollTop, dialog.scrollHeight > 2 * dialog.clientHeight]") == [0, True]


def test_settings_are_offered_to_the_form_as_often_as_one_likes(opened: Callable[..., Place], tmp_path: Path) -> None:
    fox = past_run("20260101-000000-fox", tmp_path / "out")
    place = opened()
    got = place.page.locator("#got textarea")
    for time in (1, 2):
        place.row(fox.name).locator("[data-act=load]").click()
        expect(got).to_have_value(f"{time} {fox / 'config.toml'}")


def test_a_run_is_deleted_with_its_files_once_that_is_confirmed(opened: Callable[..., Place], tmp_path: Path) -> None:
    out = tmp_path / "out"
    fox, owl = (past_run(f"2026010{n}-000000-{name}", out) for n, name in ((1, "fox"), (2, "owl")))
    place = opened()
    page = place.page
    place.row(fox.name).locator("[data-dialog=delete]").click()
    expect(page.locator("#runs-dialog")).to_contain_text("fox.safetensors")
    page.locator("#runs-dialog [data-close]").click()
    assert fox.is_dir()
    place.row(fox.name).locator("[data-dialog=delete]").click()
    page.locator("[data-act=delete_files]").click()
    expect(place.row(fox.name)).to_have_count(0)
    assert sorted(path.name for path in out.rglob("*.*")) == ["owl.png", "owl.safetensors"]
    place.row(owl.name).locator("[data-dialog=delete]").click()
    page.locator("#runs-dialog [data-act=delete]").click()
    expect(page.locator(".runs-empty")).to_be_visible()
    assert (out / "owl.safetensors").is_file()
    assert not list_runs()


def test_a_hundred_runs_are_paged_and_a_page_is_turned_by_keyboard(opened: Callable[..., Place], home: Path) -> None:
    for number in range(101):
        folder = runs_dir() / f"20260101-{number // 60:02}{number % 60:02}00-run{number}"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text("config_version = 1\n")
        log = EventLog(folder / "events.jsonl")
        log.write("finished", status="completed", path="")
        log.close()
    place = opened()
    expect(place.page.locator("#history-rows li")).to_have_count(50)
    older = place.page.locator('[data-page="2"]')
    older.focus()
    place.page.keyboard.press("Enter")
    expect(place.page.locator("#history-pages span")).to_have_text("page 2 of 3")
    assert place.names()[0] == "run50"
    place.page.locator('[data-page="3"]').click()
    expect(place.page.locator("#history-rows li")).to_have_count(1)


def test_the_machine_stays_on_when_somebody_says_so(opened: Callable[..., Place]) -> None:
    place = opened()
    place.page.locator("#queue-when-empty").select_option("power_off")
    run = place.add("a")
    expect(place.row(run, "queue").locator(".badge")).to_have_text("running")
    place.open_gate("a")
    expect(place.page.locator(".power-off b")).to_have_text(re.compile(r"\d+ s"))
    place.page.locator("[data-act=stay_on]").click()
    expect(place.page.locator(".power-off")).to_have_count(0)
    assert (load().power_off_at, load().when_empty) == (0.0, "nothing")

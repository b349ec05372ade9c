"""Every button in a state where it must refuse: it says why in our own words, or it cannot be pressed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, TimeoutError, expect

from kohya_gui.page import build_page
from kohya_gui.tabs.context import PageContext
from kohya_gui.tabs.train_parts import preparing_jobs
from tests.event_lines import EventLog
from tests.gui.opening import settle, wait_until_filled
from tests.gui.test_demo_in_browser import field as setting
from tests.gui.test_demo_in_browser import fill
from train_core.config.jobs import table

RUN_BUTTONS = {"stop", "pause", "save-now", "sample-now", "set-rate", "rate-tenth", "next-stage"}
# The buttons that each scene presses, or shows that they cannot be pressed. A new button belongs into one of them.
SCENES = {
    "test_what_has_nothing_to_work_on_cannot_be_pressed": {
        "save", "resume", "use-rates", "cancel-tool", "cancel-evaluate", *RUN_BUTTONS,
    },
    "test_a_value_that_cannot_be_read": {
        "start", "queue", "try", "find-rate", "class-images", "save", "preset-confirm", "export", "export-kohya",
        "command",
    },
    "test_presets_that_cannot_be_read": {"save"},
    "test_presets_that_cannot_be_written": {"save", "preset-confirm"},
    "test_tools_without_files": {"save-block-lines", *(f"run-{row.name}" for row in table.tools())},
    "test_a_tool_that_has_ended": {"cancel-tool"},
    "test_a_start_beside_a_run": {"start"},
    "test_a_run_that_goes_on": {
        "start", "resume", "use-rates", "set-rate", "next-stage",
        *(job.job_name.replace("_", "-") for job in preparing_jobs()),
    },
    "test_a_run_that_has_ended": RUN_BUTTONS,
    "test_a_run_that_is_gone": {"resume", "use-rates", *RUN_BUTTONS},
    "test_a_paused_run_that_cannot_go_on": {"resume"},
}  # fmt: skip
# They open or close a part of the page, or change the form, which has nothing to say against it, or are the script's.
REFUSE_NOTHING = {"save-as", "preset-cancel", "output-close", "more", "undo", "redo", "reset", "open-file",
                  "manage-presets", "run-again", "draw_pictures-open-picture", "draw_grid-open-picture"}

# Notes every message in the corner. The page looks for news when it is told to instead of every second, so that buttons
# can be pressed before it does. Messages let clicks through, so that nobody has to wait until those above a button go.
WATCH = """
window.looks = [];
const every = window.setInterval;
window.setInterval = (tell, ms, ...more) => ms === 1000 ? (looks.push(tell), 0) : every(tell, ms, ...more);
window.said = [];
new MutationObserver(() => {
  for (const text of document.querySelectorAll("[data-testid=toast-text]:not([noted])")) {
    text.setAttribute("noted", "");
    said.push([text.closest(".toast-body").classList.contains("error") ? "gradio" : "ours", text.textContent]);
  }
}).observe(document, {childList: true, subtree: true});
document.addEventListener("DOMContentLoaded", () => {
  const style = document.head.appendChild(document.createElement("style"));
  style.textContent = ".toast-wrap, .toast-wrap * { pointer-events: none !important }";
});
"""


@dataclass
class Window:
    """The page in a browser, its home, and the buttons that have refused so far."""

    page: Page
    home: Path
    address: str
    refused: set[str] = field(default_factory=set)
    unanswered: set[Request] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("request", lambda one: self._note(one, unanswered="/queue/" in one.url or "runs/watch" in one.url))
        for end in ("requestfinished", "requestfailed"):
            self.page.on(end, lambda one: self._note(one, unanswered=False))

    def _note(self, request: Request, *, unanswered: bool) -> None:
        (self.unanswered.add if unanswered else self.unanswered.discard)(request)

    def open(self) -> None:
        """Open the page, or open it again, and wait until it shows all that there is."""
        self.page.goto(self.address)
        expect(self.page.locator("#step-line")).to_be_visible()
        wait_until_filled(self.page)
        expect(self.page.locator("#run-status")).to_have_text(re.compile("."))
        self.settle()

    def look(self) -> None:
        """Have the page look for news once."""
        self.page.evaluate("looks.forEach(look => look())")

    def press(self, button: str) -> None:
        """Press `button`, which may be in the menu."""
        if self.page.locator(f"#menu #{button}").count():
            self.page.locator("#more").click()
        self.page.locator(f"#{button}").click()

    def show_run(self) -> None:
        """Show the run beside the form."""
        self.page.locator("#panel-mode label").nth(1).click()

    def refuses(self, button: str, words: str) -> None:
        """Press `button`, which must say `words` in a new message."""
        before = len(self.said())
        self.press(button)
        self.says(words, before, button)
        self.refused.add(button)

    def says(self, words: str, before: int, button: str) -> None:
        """Wait for `words` in a message after the first `before` ones."""
        try:
            self.page.wait_for_function(
                "([before, words]) => said.slice(before).some(([_, text]) => text.includes(words))",
                arg=[before, words],
            )
        except TimeoutError:
            pytest.fail(f"{button} did not say {words!r} but {self.said()[before:]}")

    def cannot(self, *buttons: str) -> None:
        """Check that each of `buttons` is not there, or cannot be pressed; the menu is open meanwhile."""
        self.page.locator("#more").click()
        expect(self.page.locator("#menu")).to_be_visible()
        for button in buttons:
            expect(self.page.locator(f"#{button}:visible:enabled")).to_have_count(0)
        self.page.keyboard.press("Escape")
        self.refused |= set(buttons)

    def settle(self) -> None:
        """Wait until the server has answered everything."""
        while self.unanswered:
            self.page.evaluate("new Promise(requestAnimationFrame)")

    def close(self) -> None:
        """Check, once everything is answered, that gradio has said nothing of its own."""
        self.settle()
        assert [text for kind, text in self.said() if kind != "ours"] == []

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def choose_preset(self, name: str) -> None:
        self.page.locator("#preset input").click()
        self.page.get_by_role("option", name=name, exact=True).click()

    def rate(self) -> Locator:
        return self.page.locator("#new-rate").locator("input, textarea")

    def said(self) -> list[list[str]]:
        """All messages so far: whose each is, and its text."""
        return list(self.page.evaluate("said"))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], home: Path) -> str:
    return serve(home)


def clear(folder: Path) -> None:
    """Empty a folder that the page's server may still write into, as for the pages of the test before."""
    until = time.monotonic() + 30
    while left := list(folder.iterdir()):
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=time.monotonic() < until)
            else:
                path.unlink(missing_ok=True)


@pytest.fixture
def window(browser: Browser, address: str, home: Path, request: pytest.FixtureRequest) -> Iterator[Window]:
    """The page before its first use, not yet opened."""
    clear(home)
    context = browser.new_context(viewport={"width": 1800, "height": 1100}, locale="en-US")
    context.set_default_timeout(30_000)
    context.add_init_script(WATCH)
    window = Window(context.new_page(), home, address)
    yield window
    window.close()
    assert window.refused >= SCENES[request.function.__name__]
    context.close()


class Job:
    """A run in `folder` whose process does nothing but live."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "config.toml").touch()
        self.log = EventLog(folder / "events.jsonl")
        self.live()

    def live(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.log.write("started", total_steps=9, epochs=1, pid=self.process.pid)
        self.log.write("rate_stage", step=0, stage=1, stages=2, value=1e-3)

    def end(self, status: str = "completed") -> None:
        self.log.write("finished", status=status, path="", step=9)
        self.process.kill()
        self.process.wait()

    def asked(self) -> list[Path]:
        """Requests to the run."""
        return list(self.folder.glob("control/*"))


@contextmanager
def job_in(folder: Path) -> Iterator[Job]:
    """A `Job` in `folder`, which is gone afterwards."""
    job = Job(folder)
    try:
        yield job
    finally:
        job.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_every_button_of_the_page_is_in_a_scene():
    page = build_page(PageContext(language="en", headless=True))
    buttons = {str(one.elem_id) for one in page.blocks.values() if isinstance(one, gr.Button)}
    assert set().union(*SCENES.values()) | REFUSE_NOTHING == buttons
    assert globals().keys() >= SCENES.keys()


def test_what_has_nothing_to_work_on_cannot_be_pressed(window: Window):
    window.open()
    window.show_run()
    window.cannot("resume", "use-rates", "cancel-tool", "cancel-evaluate", *RUN_BUTTONS)
    window.page.locator("#target-steps input").fill("abc")
    window.page.locator("#target-steps input").blur()
    window.refuses("save", "came with the program")
    expect(window.page.locator("#offers button")).to_have_count(0)


def test_a_value_that_cannot_be_read(window: Window):
    window.open()
    fill(window.page, learning_rate="abc")
    expect(window.page.locator("#problems")).to_contain_text("learning_rate = 'abc'")
    for button in ("start", "queue", "try", "find-rate"):
        window.refuses(button, "Problems to fix before training can start")
    for button in ("class-images", "save", "export", "export-kohya", "command"):
        window.refuses(button, "learning_rate = 'abc'")
    window.press("save-as")
    window.page.locator("#preset-name input").fill("mine")
    window.refuses("preset-confirm", "learning_rate = 'abc'")
    assert not [*window.home.glob("presets/*"), *window.home.glob("runs/*"), *window.home.glob("printed/*")]


def test_presets_that_cannot_be_read(window: Window):
    presets = window.home / "presets"
    presets.mkdir()
    (presets / "gone.json").write_text("{}")
    (presets / "torn.json").write_text('{"learning_rate": ')
    window.open()
    window.choose_preset("torn (yours)")
    window.says("torn.json", 0, "the choice")
    expect(setting(window.page, "output_name")).to_have_value("demo")
    window.choose_preset("gone (yours)")
    expect(setting(window.page, "output_name")).not_to_have_value("demo")
    (presets / "gone.json").unlink()
    window.refuses("save", "The preset gone no longer exists")
    window.choose_preset("demo")
    expect(setting(window.page, "output_name")).to_have_value("demo")
    window.page.locator("#preset input").click()
    expect(window.page.get_by_role("option", name="demo", exact=True)).to_be_visible()
    expect(window.page.get_by_role("option", name="gone (yours)", exact=True)).to_have_count(0)


def test_presets_that_cannot_be_written(window: Window):
    taken = window.home / "presets" / "taken.json"
    taken.parent.mkdir()
    taken.write_text("{}")
    window.open()
    window.refuses("save", "came with the program")
    window.press("save-as")
    window.refuses("preset-confirm", "'' cannot be a file name")
    window.page.locator("#preset-name input").fill("taken")
    window.refuses("preset-confirm", "already have a preset taken")
    assert [path.read_text() for path in taken.parent.iterdir()] == ["{}"]


def test_tools_without_files(window: Window):
    window.open()
    for tool in table.tools():
        job = table.job_of(tool.name)
        window.open_tab("Evaluate" if tool.tab == "evaluate" else "Tools")
        window.open_tab(job.title)
        if any(setting.traits.required for setting in job.settings()):
            window.refuses(f"run-{tool.name}", "is empty")
    window.open_tab("Tools")
    window.open_tab(table.job_of("fetch_model").title)  # the one that can do with what is there
    window.page.locator("#fetch_model-setting-fetch_to input").fill("D:\\models" if os.name != "nt" else "/mnt/models")
    window.refuses("run-fetch_model", "is a path of")
    window.page.locator("#own-blocks .label-wrap").click()
    settle(window.page)
    window.page.locator("#own-block-lines textarea").fill("FACE:1,2")
    window.refuses("save-block-lines", "Line 1 is not written")
    assert not list(window.home.glob("tools/*"))


def test_a_tool_that_has_ended(window: Window):
    with job_in(window.home / "tools" / "20260101-000000-ended") as job:
        window.open()
        window.open_tab("Tools")
        expect(window.page.locator("#cancel-tool")).to_be_visible()
        window.settle()  # else a look that is still to come would take the button away
        job.end()
        window.refuses("cancel-tool", "The tool has already ended")
        assert not job.asked()


def test_a_start_beside_a_run(window: Window):
    window.open()
    with job_in(window.home / "runs" / "20260101-000000-beside"):
        window.refuses("start", "The training beside is still running")


def test_a_run_that_goes_on(window: Window):
    with job_in(window.home / "runs" / "20260101-000000-mine") as job:
        window.open()
        expect(window.page.locator("#run-controls")).to_be_visible()
        window.cannot(*SCENES["test_a_run_that_goes_on"] - {"set-rate", "next-stage"})
        window.refuses("set-rate", "The learning rate '' cannot be read")
        window.rate().fill("abc")
        window.refuses("set-rate", "The learning rate 'abc' cannot be read")
        window.settle()
        expect(window.rate()).to_have_value("abc")
        expect(window.page.locator("#next-stage")).to_be_visible()
        job.log.write("rate_stage", step=3, stage=2, stages=2, value=1e-4)
        window.look()
        window.cannot("next-stage")  # no stage is left
        assert not job.asked()


def test_a_run_that_has_ended(window: Window):
    with job_in(window.home / "runs" / "20260101-000000-ended") as job:
        window.open()
        expect(window.page.locator("#run-controls")).to_be_visible()
        window.rate().fill("1e-4")
        window.settle()  # an answer that comes later would show that the run has ended
        job.end()
        for button in sorted(RUN_BUTTONS):
            window.refuses(button, "The run ended has already ended")
        assert not job.asked()
        window.look()
        expect(window.page.locator("#run-controls")).to_be_hidden()
        window.cannot(*RUN_BUTTONS)


def test_a_run_that_is_gone(window: Window, tmp_path: Path):
    with paused_job(window.home / "runs" / "20260101-000000-paused", tmp_path):
        window.open()
        window.show_run()
        expect(window.page.locator("#resume")).to_be_visible()
        expect(window.page.locator("#use-rates")).to_be_visible()
        window.settle()
    for button in ("resume", "use-rates"):
        window.refuses(button, "This run does not exist any more")
    with job_in(window.home / "runs" / "20260101-000001-gone"):
        window.look()
        expect(window.page.locator("#run-controls")).to_be_visible()
        window.settle()
    for button in sorted(RUN_BUTTONS):
        window.refuses(button, "This run does not exist any more")


def test_a_paused_run_that_cannot_go_on(window: Window, tmp_path: Path):
    with paused_job(window.home / "runs" / "20260101-000000-torn", tmp_path) as job:
        window.open()
        window.show_run()
        expect(window.page.locator("#resume")).to_be_visible()
        window.refuses("resume", f"{tmp_path} has no complete state of mine")
        job.live()
        window.refuses("resume", "still running, so there is nothing to resume")


@contextmanager
def paused_job(folder: Path, output: Path) -> Iterator[Job]:
    """A paused run that has found rates, and whose state in `output` lacks all but its first file."""
    state = output / "mine-step00000009-state"
    state.mkdir()
    (state / "state.json").write_text("{}")
    rates = {name: {"unet_lr": 1e-4, "text_encoder_lr": 1e-5} for name in ("AdamW8bit", "Lion")}
    settings = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": str(output), "output_dir": str(output),
        "output_name": "mine",
    }  # fmt: skip
    with job_in(folder) as job:
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        (folder / "config.toml").write_text("".join(lines))
        job.log.write("state", path=str(state), step=9)
        job.log.write("rate_found", rate=1e-4, settled=True, steps=9, suggestions=rates, **rates["Lion"])
        job.end("paused")
        yield job

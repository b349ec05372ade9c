"""The end of a run, told on the desktop or in the page; the cards beside a run, with a stand-in for their program."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.event_lines import EventLog
from tests.gui.opening import open_page
from tests.trained import trained_run
from train_core.config.places import runs_dir
from train_core.facts.run.run_folders import held

NOTES = """(() => {
  const real = window.Notification;
  window.shown = [];
  window.Notification = class extends real {
    constructor(title, more) { super(title, more); window.shown.push([title, more.body]); }
  };
})()"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    """A home, and a program on the path that answers like NVIDIA's and counts how often it is asked."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRUCIBLE_HOME", str(home))
        tool = home / "bin" / "nvidia-smi"
        tool.parent.mkdir()
        tool.write_text(
            f"#!/bin/sh\necho \"$@\" >> '{home}/asked'\necho 'Stand-in 3060, 97, 71, 168.2, 9216, 12288'\n",
            encoding="utf-8",
        )
        tool.chmod(0o755)
        patch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
        yield home


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., tuple[BrowserContext, Page]]]:
    """`visit(locale)` opens the page in a browser of its own."""
    contexts: list[BrowserContext] = []

    def open_one(locale: str = "en-US", *permissions: str) -> tuple[BrowserContext, Page]:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale=locale)
        context.grant_permissions(list(permissions), origin=address.rstrip("/"))
        context.add_init_script(NOTES)
        contexts.append(context)
        page = context.new_page()
        with page.expect_response("**/runs/ended"):
            open_page(page, address)
        return context, page

    yield open_one
    for context in contexts:
        context.close()


def waiting(name: str) -> Path:
    folder = runs_dir() / name
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    return folder


def end(folder: Path, status: str) -> None:
    log = EventLog(folder / "events.jsonl")
    log.write("started", total_steps=1, epochs=1)
    log.write("finished", status=status)
    log.close()


def test_nothing_is_asked_before_the_bell_is_pressed_and_the_page_itself_says_it(visit: Callable[..., object]) -> None:
    _, page = visit()
    page.evaluate("void (Notification.requestPermission = async () => (window.asked = true, 'denied'))")
    page.get_by_role("tab", name="Settings", exact=True).click()  # told from any tab
    title = page.title()
    folder = waiting("20260101-000000-fox")
    with page.expect_response(lambda answer: "fox" in answer.text() if "runs/ended" in answer.url else False):
        pass
    end(folder, "completed")
    expect(page.locator(".told")).to_contain_text("fox: finished")
    expect(page).to_have_title(f"● {title}")
    assert (page.evaluate("window.asked"), page.evaluate("window.shown")) == (None, [])
    page.mouse.click(700, 600)
    expect(page).to_have_title(title)

    page.locator("#notify").click()
    expect(page.locator(".told", has_text="does not allow desktop notifications")).to_be_visible()
    expect(page.locator("#notify")).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("window.asked") is True


def test_a_run_that_has_ended_is_told_on_the_desktop_in_the_language_of_the_page(visit: Callable[..., object]) -> None:
    _, page = visit("zh-CN", "notifications")
    bell = page.locator("#notify")
    expect(bell).to_have_attribute("title", "训练结束时发送桌面通知")
    bell.click()
    expect(bell).to_have_attribute("aria-pressed", "true")
    folder = waiting("20260102-000000-owl")
    with page.expect_response(lambda answer: "owl" in answer.text() if "runs/ended" in answer.url else False):
        pass
    page.reload()  # what it has seen stays with it, and so does the choice
    with page.expect_response("**/runs/ended"):
        end(folder, "failed")
    page.wait_for_function("window.shown.length > 0")
    assert [title for title, _ in page.evaluate("window.shown")] == ["owl：失败"]
    expect(page.locator(".told")).to_have_count(0)
    assert not page.title().startswith("●")
    expect(bell).to_have_attribute("aria-pressed", "true")
    bell.click()
    expect(bell).to_have_attribute("aria-pressed", "false")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for nvidia-smi is a shell script")
def test_the_card_is_shown_while_a_run_is_at_work(
    visit: Callable[..., object], home: Path, tmp_path: Path
) -> None:
    folder = trained_run("20260103-000000-elk", tmp_path, "")
    asked = home / "asked"
    before = _questions(asked)
    with held(folder):
        _, page = visit()
        card = page.locator("#card-state .card-state")
        expect(card).to_contain_text("Stand-in 3060")
        expect(card).to_contain_text("97 %")
        expect(card).to_contain_text("71 °C")
        expect(card).to_contain_text("9.0 GiB / 12.0 GiB")
        page.screenshot(path=tmp_path / "card.png")
    assert _questions(asked) > before
    expect(card).to_have_count(0)


def _questions(asked: Path) -> int:
    lines = asked.read_text(encoding="utf-8").splitlines() if asked.exists() else []
    return sum("temperature.gpu" in line for line in lines)

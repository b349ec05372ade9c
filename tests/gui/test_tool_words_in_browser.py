"""What the Tools tab says of a running tool, and over its messages: in the language of the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kohya_gui.i18n.messages import text
from tests.event_lines import EventLog
from tests.gui.opening import open_page, settle
from train_core.config.places import tools_dir
from train_core.facts.run.run_folders import held

LANGUAGES = ["en", "zh-CN", "zh-TW", "ja"]


@contextmanager
def tools_tab(browser: Browser, address: str, language: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale=language)
    page = context.new_page()
    open_page(page, address)
    page.locator("#tab-tools-button").click()
    yield page
    context.close()


def title(page: Page, kind: str) -> str:
    """What stands over a toast of this kind; gradio's own English word is there too, without a size."""
    shown = page.locator(f".toast-body.{kind} .toast-title")
    expect(shown).to_have_css("font-size", "0px")
    return str(shown.evaluate("one => JSON.parse(getComputedStyle(one, '::before').content)"))


def test_a_running_resize_is_called_a_resize_and_not_a_training(browser: Browser, address: str, home: Path) -> None:
    folder = tools_dir() / "20260101-000000-resize_lora"
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    log = EventLog(folder / "events.jsonl")
    log.write("started", job="resize_lora", output_name="", total_steps=0, epochs=0)
    log.write("stage", name="resizing", done=3, total=9)
    with held(folder):
        for language in LANGUAGES:
            with tools_tab(browser, address, language) as page:
                view = page.locator("#tool-view")
                expect(view.locator("#tool-state")).to_have_text(text("ui.status.running", language))
                expect(view.locator("b").first).to_have_text(text("job.resize_lora.title", language))
                expect(view.locator(".stage")).to_have_text(f"{text('ui.stage.resizing', language)} 3/9")
                assert text("ui.stage.training", language) not in view.inner_text()
                expect(page.locator("#cancel-tool")).to_be_visible()
        log.write("finished", status="completed")
    log.close()
    with tools_tab(browser, address, "en") as page:
        expect(page.locator("#tool-state")).to_have_text("finished")
        expect(page.locator("#cancel-tool")).to_be_hidden()


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_of_toasts_are_in_the_language_of_the_page(browser: Browser, address: str, language: str) -> None:
    with tools_tab(browser, address, language) as page:
        page.locator("#tool-resize_lora-button").click()
        page.locator("#run-resize_lora").click()
        assert title(page, "warning") == text("ui.toast.warning", language)
        said = page.locator(".toast-body.warning .toast-message-text").first
        expect(said.locator("b")).to_have_text(text("setting.adapter.label", language))
        expect(said).to_contain_text(text("ui.the_form", language))
        page.locator("#own-blocks .label-wrap").click()
        settle(page)
        page.locator("#own-block-lines textarea").fill("")
        page.locator("#save-block-lines").click()
        assert title(page, "info") == text("ui.toast.info", language)

"""What a browser fetches when the page is opened, and what a person sees of it before gradio has answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.gui.opening import open_page

LINK = re.compile(r'<link rel="(?:modulepreload|preload)"[^>]* href="\./([^"]+)">')


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], home: Path) -> str:
    return serve(home)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(locale="en-US")
    page.add_init_script("performance.setResourceTimingBufferSize(2000)")
    yield page
    page.close()


def test_what_is_fetched_early_is_what_the_page_would_have_found_by_itself(page: Page, address: str):
    early: list[str] = []

    def without_links(route: Route) -> None:
        answer = route.fetch()
        early.extend(LINK.findall(answer.text()))
        route.fulfill(response=answer, body=LINK.sub("", answer.text()))

    page.route(address, without_links)
    open_page(page, address)
    fetched = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    found = {name.removeprefix(address) for name in fetched}
    assert len(early) > 50
    assert set(early) <= found
    assert {name for name in found if name.startswith("assets/")} <= set(early)


def test_nothing_is_fetched_twice(page: Page, address: str):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_page(page, address)
    files = [url for url in asked if "/assets/" in url or "/theme.css" in url]
    assert len(files) > 50
    assert sorted(files) == sorted(set(files))


def test_the_steps_and_the_plan_are_there_before_gradio_has_answered(page: Page, address: str, home: Path):
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/gradio_api/queue/join*", hold)
    page.goto(address)
    expect(page.locator("#step-line b")).to_be_visible()
    expect(page.locator("#plan")).not_to_be_empty()
    expect(page.locator("#train-stamp [data-stamp]")).to_have_count(0)
    [draft] = (home / "drafts").glob("*.json")
    left = json.loads(draft.read_text(encoding="utf-8"))
    with page.expect_response("**/form/train"):  # what the fields show is not yet what was left, so it is not kept
        page.locator("#setting-max_train_epochs input").dispatch_event("change")
    assert json.loads(draft.read_text(encoding="utf-8")) == left
    for route in held:
        route.continue_()
    expect(page.locator("#train-stamp [data-stamp]")).to_have_count(1)
    expect(page.locator("#setting-output_name").locator("input, textarea").first).to_have_value("demo")

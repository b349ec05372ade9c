"""Opening the page in a browser, as all its tests do."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def open_page(page: Page, address: str, patience: float = 30_000) -> None:
    """Open the page and wait until it is filled in."""
    page.goto(address, timeout=patience)
    expect(page.locator("#run-stamp [data-controls]")).to_have_count(1, timeout=patience)  # gradio has answered
    wait_until_filled(page, patience)


def wait_until_filled(page: Page, patience: float = 30_000) -> None:
    """Wait until the form shows what it was left with; the steps of that are said before."""
    expect(page.locator("#train-stamp [data-stamp]")).to_have_count(1, timeout=patience)
    expect(page.locator("#step-line")).not_to_be_empty(timeout=patience)


def settle(page: Page) -> None:
    """Wait until fields that have just come into view are filled; what is typed before that is lost.

    gradio draws the fields of a tab or section first, and fills them a frame later. No person types that fast.
    """
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

"""Opening the page in a browser, as all its tests do."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def open_page(page: Page, address: str, patience: float = 30_000) -> None:
    """Open the page and wait until it is filled in."""
    page.goto(address, timeout=patience)
    expect(page.locator("#start")).to_be_enabled(timeout=patience)
    expect(page.locator("#step-line")).not_to_be_empty(timeout=patience)

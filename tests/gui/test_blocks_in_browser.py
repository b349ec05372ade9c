"""Numbers of single blocks on sliders: what is drawn is what the text says, and what is drawn is written as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.gui.test_demo_in_browser import choose_preset, field, fill, show_field


@pytest.fixture
def page(window: Callable[..., Page]) -> Page:
    page = window(1400, 1000)
    choose_preset(page, "demo")
    return page


def test_factors_of_blocks_are_drawn_and_slid(page: Page, tmp_path: Path) -> None:
    show_field(page, "up_lr_weight")
    fill(page, up_lr_weight="0,0.5,2")
    box = page.locator("#setting-up_lr_weight")
    box.locator(".blocks-open").click()
    sliders = box.locator(".blocks-row input")
    expect(sliders).to_have_count(12)  # the demo's base model is an SD 1.x
    expect(box.locator(".blocks-row output")).to_have_text(["0", "0.5", "2", *["1"] * 9])
    sliders.nth(1).fill("1.2")
    expect(field(page, "up_lr_weight")).to_have_value("0,1.2,2,1,1,1,1,1,1,1,1,1")
    box.locator("select").select_option("sine")
    expect(field(page, "up_lr_weight")).to_have_value("sine")
    expect(box.locator(".blocks-row output").last).to_have_text("1")
    expect(box.locator(".blocks-row output").first).to_have_text("0")
    page.screenshot(path=tmp_path / "blocks.png")
    fill(page, up_lr_weight="many")
    expect(box.locator(".blocks-row")).to_have_count(0)
    expect(field(page, "up_lr_weight")).to_have_value("many")  # nothing is written over what cannot be drawn
    page.locator("#undo").click()
    expect(field(page, "up_lr_weight")).to_have_value("")  # changes of one field in a row are one step
    expect(box.locator(".blocks-row output")).to_have_text(["1"] * 12)


def test_ranks_of_blocks_begin_with_the_rank_of_the_network(page: Page) -> None:
    show_field(page, "block_dims")
    box = page.locator("#setting-block_dims")
    box.locator(".blocks-open").click()
    expect(box.locator(".blocks-row output")).to_have_text(["16"] * 25)
    box.locator(".blocks-row input").first.fill("4")
    expect(field(page, "block_dims")).to_have_value(",".join(["4", *["16"] * 24]))
    expect(page.locator("#setting-block_alphas")).to_be_visible()
    page.locator("#setting-block_dims .reset-one").click()
    expect(field(page, "block_dims")).to_have_value("")


def test_usual_sizes_are_offered_turned_and_written_as_text(page: Page) -> None:
    box = page.locator("#setting-resolution .sizes")
    box.get_by_text("832 × 1216").click()
    expect(field(page, "resolution")).to_have_value("832,1216")
    expect(box.get_by_text("832 × 1216")).to_have_attribute("aria-pressed", "true")
    box.locator(".turn").click()
    expect(field(page, "resolution")).to_have_value("1216,832")
    fill(page, resolution="768x768")
    expect(box.get_by_text("768", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(box.locator(".turn")).to_be_disabled()

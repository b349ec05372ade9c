"""The image folders as a table on the whole page: filled, changed, trained on, and read back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.gui.opening import wait_until_filled
from tests.pictures import image_folder


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("table")
    image_folder(place / "images", "10_zuko dog", [(128, 128)] * 4, "a dog")
    image_folder(place, "cats", [(128, 128)] * 3, "a cat")
    return place


@pytest.fixture(scope="module")
def home(place: Path) -> Path:
    return place / "home"


def cell(page: Page, row: int, column: str):
    return page.locator(f'.image-table tbody tr >> nth={row} >> [data-column="{column}"]')


def test_a_table_is_filled_from_the_folder_changed_and_trained_on(window, place: Path):
    page = window(1280)
    page.locator("#setting-train_data_dir input").first.fill(str(place / "images"))
    expect(page.locator("#step-line")).to_contain_text("4 images × 10 repeats")
    page.locator("#as-table").click()
    expect(cell(page, 0, "words")).to_have_value("zuko dog")
    expect(page.locator(".image-table tbody tr")).to_have_count(1)
    cell(page, 0, "repeats").fill("5")
    page.locator('.image-table [data-act="add"]').click()
    page.locator("#picker-crumbs button", has_text=place.name).click()
    page.locator("#picker-list button", has_text="cats").click()
    page.locator("#picker-choose").click()
    expect(cell(page, 1, "folder")).to_have_value(str(place / "cats"))
    cell(page, 1, "repeats").fill("2")
    cell(page, 1, "size").fill("64")
    total = page.locator('.image-table [data-part="total"]')
    expect(total).to_contain_text("images: 7")
    page.locator('.image-table [data-act="use"]').click()
    expect(page.locator("#step-line")).to_contain_text("7 images with their repeats = 26")
    expect(page.locator("#setting-train_data_dir input").first).to_have_value("")
    written = list((place / "home" / "datasets").glob("*.toml"))
    assert len(written) == 1 and "resolution = 64" in written[0].read_text(encoding="utf-8")
    page.reload()
    wait_until_filled(page)
    expect(page.locator("#step-line")).to_contain_text("7 images")
    page.locator("#as-table").click()
    expect(cell(page, 1, "folder")).to_have_value(str(place / "cats"))
    expect(cell(page, 1, "size")).to_have_value("64")
    page.locator('.image-table [data-act="remove"]').last.click()
    expect(total).to_have_text(re.compile("images: 4"))
    page.locator('.image-table [data-act="use"]').click()
    expect(page.locator("#step-line")).to_contain_text("4 images × 5 repeats")
    assert len(list((place / "home" / "datasets").glob("*.toml"))) == 2
    page.locator("#undo").click()
    expect(page.locator("#step-line")).to_contain_text("7 images")


def test_a_row_that_is_wrong_is_told_and_on_a_phone_nothing_is_cut_off(window, place: Path):
    page = window(390)
    page.locator("#as-table").click()
    expect(page.locator(".image-table tbody tr").first).to_be_visible()
    cell(page, 0, "size").fill("big")
    page.locator('.image-table [data-act="use"]').click()
    expect(page.locator('.image-table [data-part="told"]')).to_contain_text("Row 1")
    for part in ('[data-column="folder"]', '[data-column="size"]', '[data-act="use"]', '[data-act="remove"]'):
        box = page.locator(f".image-table {part}").first.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390

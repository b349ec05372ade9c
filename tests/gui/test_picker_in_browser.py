"""Paths on the whole page: ticks and crosses, the picker by mouse, keyboard and on a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pictures import image_folder

FIELD = "#setting-train_data_dir"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("place & <b>")
    image_folder(place / "dogs", "10_zuko dog", [(64, 64)] * 3, "a dog")
    (place / "cats").mkdir()
    (place / "base.safetensors").touch()
    return place


@pytest.fixture(scope="module")
def home(place: Path) -> Path:
    return place / "home"


def type_path(page: Page, text: str) -> None:
    page.locator(f"{FIELD} input").fill(text)


def test_a_path_is_ticked_or_crossed_as_it_is_typed_and_shown_without_quotes(window, place: Path):
    page = window(1280, 800)
    sign = page.locator(f"{FIELD} .path-mark")
    type_path(page, f'"{place / "dogs"}"')
    expect(sign).to_have_text("✓")
    page.locator(f"{FIELD} input").blur()
    expect(page.locator(f"{FIELD} input")).to_have_value(str(place / "dogs"))
    type_path(page, str(place / "dogs" / "gone"))
    expect(sign).to_have_text("✕")
    expect(sign).to_have_attribute("title", "There is nothing at this path")
    type_path(page, str(place / "base.safetensors"))
    expect(sign).to_have_attribute("title", "This is a file, a folder is needed")


def test_a_folder_is_picked_with_the_mouse_and_remembered(window, place: Path):
    page = window(1280, 800)
    type_path(page, str(place / "cats"))
    page.locator(f"{FIELD} .pick").click()
    expect(page.locator("#picker")).to_be_visible()
    page.locator("#picker-crumbs button", has_text=place.name).click()
    expect(page.locator("#picker-list")).to_contain_text("dogs")
    page.locator("#picker-list button", has_text="dogs").click()
    expect(page.locator("#picker-list")).to_contain_text("pictures: 3")
    page.locator("#picker-choose").click()
    expect(page.locator("#picker")).to_be_hidden()
    expect(page.locator(f"{FIELD} input")).to_have_value(str(place / "dogs"))
    expect(page.locator("#step-line")).to_contain_text("10 repeats")
    page.locator(f"{FIELD} .pick").click()
    expect(page.locator("#picker-places")).to_contain_text("Recent")


def test_a_new_folder_is_made_and_a_name_that_is_there_is_told(window, place: Path):
    page = window(1280, 800)
    type_path(page, str(place / "cats"))
    page.locator(f"{FIELD} .pick").click()
    for _ in range(2):
        page.locator("#picker [data-new]").click()
        page.locator("#picker-new input").fill("new one")
        page.locator("#picker-new button").click()
        expect(page.locator("#picker-crumbs [aria-current]")).to_have_text("new one")
        page.locator("#picker-crumbs button", has_text="cats").click()
        expect(page.locator("#picker-list")).to_contain_text("new one")
        (place / "cats" / "new one").rmdir()
    (place / "cats" / "new one").mkdir()
    page.locator("#picker [data-new]").click()
    page.locator("#picker-new input").fill("new one")
    page.locator("#picker-new button").click()
    expect(page.locator("#picker-error")).to_contain_text("exists")


def test_a_file_is_picked_by_keyboard_alone(window, place: Path):
    page = window(1280, 800)
    field = "#setting-pretrained_model_name_or_path"
    page.locator(f"{field} input").fill(str(place / "cats") + "/")
    page.locator(f"{field} .pick").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#picker-filter")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#picker-list")).to_contain_text("base.safetensors")
    page.keyboard.type("base")
    expect(page.locator("#picker-list button")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#picker-list button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(f"{field} input")).to_have_value(str(place / "base.safetensors"))
    page.locator(f"{field} .pick").click()
    expect(page.locator("#picker-filter")).to_be_focused()  # it is open
    page.keyboard.press("Escape")
    expect(page.locator("#picker")).to_be_hidden()


def test_on_a_phone_the_picker_fills_the_screen_and_nothing_is_cut_off(window, place: Path):
    page = window(390, 800)
    type_path(page, str(place))
    page.locator(f"{FIELD} .pick").click()
    expect(page.locator("#picker-list")).to_contain_text("dogs")
    box = page.locator("#picker").bounding_box()
    assert box is not None and box["width"] == 390
    for part in ("#picker-choose", "#picker [data-new]", "#picker-list button >> nth=0"):
        inside = page.locator(part).bounding_box()
        assert inside is not None and inside["x"] >= 0 and inside["x"] + inside["width"] <= 390
    expect(page.locator("#picker-choose")).to_have_text(re.compile("Choose"))

"""Pictures dropped on the whole page: named, sent, put into the form, and taken back by undo."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pictures import noise_image

DROP = """async (files) => {
  const transfer = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("uploads")
    for number in range(3):
        noise_image((64, 64), number).save(place / f"{number}.png")
        (place / f"{number}.txt").write_text("a dog")
    return place


@pytest.fixture(scope="module")
def home(place: Path) -> Path:
    return place / "home"


@pytest.fixture
def page(window: Callable[..., Page]) -> Page:
    return window(1280, 800)


def drop(page: Page, *paths: Path, named: dict[str, bytes] | None = None) -> None:
    contents = {path.name: path.read_bytes() for path in paths} | (named or {})
    page.evaluate(DROP, [[name, base64.b64encode(content).decode()] for name, content in contents.items()])


def test_pictures_that_are_dropped_are_trained_on_after_one_dialog(page: Page, place: Path):
    before = page.locator("#setting-train_data_dir input").input_value()
    drop(page, *sorted(place.glob("?.*")), named={"tool.exe": b"MZ"})
    expect(page.locator("#upload")).to_be_visible()
    expect(page.locator('#upload [data-part="summary"]')).to_have_text(re.compile(r"Files: 7 · [1-9]\d* (B|KiB)"))
    page.locator('#upload [data-part="name"]').fill("zuko dog")
    page.locator('#upload [data-part="repeats"]').fill("4")
    page.locator('#upload [data-part="send"]').click()
    report = page.locator('#upload [data-part="report"]')
    expect(report).to_contain_text("Files added")
    folder = place / "home" / "data" / "zuko dog"
    assert len(list((folder / "4_zuko dog").iterdir())) == 6
    page.locator('#upload [data-part="cancel"]').click()
    expect(page.locator("#setting-train_data_dir input")).to_have_value(str(folder))
    expect(page.locator("#step-line")).to_contain_text("4 repeats")
    page.locator("#undo").click()
    expect(page.locator("#setting-train_data_dir input")).to_have_value(before)


def test_a_name_that_is_none_is_told_and_can_be_changed(page: Page, place: Path):
    drop(page, place / "0.png")
    page.locator('#upload [data-part="name"]').fill("../out")
    page.locator('#upload [data-part="send"]').click()
    expect(page.locator('#upload [data-part="error"]')).to_contain_text("cannot be called")
    page.locator('#upload [data-part="name"]').fill("second")
    page.locator('#upload [data-part="send"]').click()
    expect(page.locator('#upload [data-part="report"]')).to_contain_text("Files added")
    assert (place / "home" / "data" / "second" / "10_second" / "0.png").exists()


def test_what_is_dropped_takes_the_place_of_a_dataset_file(page: Page, place: Path):
    (place / "old.toml").write_text(f"[[datasets]]\n[[datasets.subsets]]\nimage_dir = '{place}'\n")
    page.evaluate("(path) => crucible.put({dataset_config: path, train_data_dir: ''})", str(place / "old.toml"))
    expect(page.locator("#step-line")).to_contain_text("3 images × 1 repeat ×")
    drop(page, place / "0.png", place / "1.png")
    page.locator('#upload [data-part="name"]').fill("third")
    page.locator('#upload [data-part="send"]').click()
    expect(page.locator("#step-line")).to_contain_text("2 images × 10 repeats")


def test_a_settings_file_that_is_dropped_is_still_opened(page: Page, place: Path):
    drop(page, named={"mine.toml": b'output_name = "dropped"\n'})
    expect(page.locator("#setting-output_name input")).to_have_value("dropped")
    expect(page.locator("#upload")).to_be_hidden()

"""Presets on the page, as people use them: choosing one takes nothing away, and what is theirs is kept in order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.gui.opening import open_page
from tests.gui.test_demo_in_browser import choose_preset, field, fill, press_in_menu


@pytest.fixture
def page(window: Callable[..., Page]) -> Page:
    return window(1400, 1000)


def test_a_preset_leaves_what_was_typed_before_it_was_chosen(page: Page, tmp_path: Path) -> None:
    own = {
        "pretrained_model_name_or_path": tmp_path / "base.safetensors", "train_data_dir": tmp_path,
        "output_name": "zuko",
    }  # fmt: skip
    fill(page, **own)
    choose_preset(page, "sd15-style")
    for name, value in own.items():
        expect(field(page, name)).to_have_value(str(value))
    expect(field(page, "max_train_epochs")).to_have_value("8")
    expect(field(page, "sample_prompts")).to_have_value("")  # the demo's, which nobody has chosen
    page.locator("#undo").click()
    expect(field(page, "learning_rate")).to_have_value("to be replaced")
    expect(field(page, "max_train_epochs")).to_have_value("4")
    expect(field(page, "output_name")).to_have_value("zuko")


def dialog_row(page: Page, name: str) -> Locator:
    return page.locator(f'.preset-row[data-name="{name}"]')


def open_presets(page: Page) -> None:
    press_in_menu(page, "manage-presets")
    expect(page.locator("#presets-dialog")).to_be_visible()


def save_as(page: Page, name: str) -> None:
    press_in_menu(page, "save-as")
    page.locator("#preset-name input").fill(name)
    page.locator("#preset-confirm").click()
    expect(page.locator("#preset input")).to_have_value(f"{name} (yours)")


def test_a_preset_of_ones_own_is_renamed_into_a_group_and_deleted_after_a_question(page: Page, home: Path) -> None:
    choose_preset(page, "demo")
    save_as(page, "ann")
    open_presets(page)
    dialog_row(page, "ann").get_by_role("button", name="Rename").click()
    dialog_row(page, "ann").locator("input").fill("faces/Ann")
    dialog_row(page, "ann").locator("input").press("Enter")
    expect(dialog_row(page, "faces/Ann")).to_be_visible()
    expect(page.locator("#presets-dialog h4").first).to_have_text("faces")
    expect(page.locator("#preset input")).to_have_value("faces/Ann (yours)")  # the list in the bar follows
    dialog_row(page, "faces/Ann").get_by_role("button", name="Delete").click()
    expect(dialog_row(page, "faces/Ann")).to_contain_text("Delete the preset faces/Ann?")
    page.get_by_role("button", name="Cancel", exact=True).last.click()
    expect(dialog_row(page, "faces/Ann").get_by_role("button", name="Rename")).to_be_visible()
    dialog_row(page, "faces/Ann").get_by_role("button", name="Delete").click()
    dialog_row(page, "faces/Ann").locator(".danger").click()
    expect(dialog_row(page, "faces/Ann")).to_have_count(0)
    expect(page.locator("#presets-dialog .preset-said")).to_contain_text(".deleted")
    assert (home / "presets" / ".deleted" / "Ann.json").is_file()
    expect(page.locator("#preset input")).to_have_value("")


def test_what_differs_from_the_preset_is_shown_and_taken_back_singly(page: Page, tmp_path: Path) -> None:
    choose_preset(page, "sd15-style")
    expect(page.locator("#preset-about")).to_contain_text("a style, many pictures")
    fill(page, max_train_epochs=3, train_batch_size=5)
    page.locator("#preset-state .pill", has_text="2 changed").click()
    dialog = page.locator("#presets-dialog")
    expect(dialog.locator("tbody tr")).to_have_count(2)
    page.screenshot(path=tmp_path / "compared.png")
    dialog.locator("tr", has_text="Batch size").locator(".take").click()
    expect(field(page, "train_batch_size")).to_have_value("2")
    expect(field(page, "max_train_epochs")).to_have_value("3")
    dialog.locator("[data-side=second]").select_option(label="sd15-lion")
    expect(dialog.locator("thead")).to_contain_text("sd15-lion")
    expect(dialog.locator(".take")).to_have_count(0)
    dialog.locator(".close").click()
    expect(page.locator("#preset-state .pill")).to_have_text("1 changed")
    page.locator("#undo").click()
    expect(field(page, "train_batch_size")).to_have_value("5")


def test_a_preset_is_loaded_from_the_dialog_and_chosen_to_start_with(page: Page, address: str, home: Path) -> None:
    fill(page, output_name="zuko")
    open_presets(page)
    dialog_row(page, "sd15-loha").get_by_role("button", name="Start with this preset").click()
    star = dialog_row(page, "sd15-loha").get_by_role("button", name="Start with this preset")
    expect(star).to_have_attribute("aria-pressed", "true")
    dialog_row(page, "sd15-fast-preview").get_by_role("button", name="Load").click()
    expect(page.locator("#presets-dialog")).to_be_hidden()
    expect(page.locator("#preset input")).to_have_value("sd15-fast-preview")
    expect(field(page, "resolution")).to_have_value("448,448")
    expect(field(page, "output_name")).to_have_value("zuko")
    assert '"program:lora/sd15-loha"' in (home / "preferences.json").read_text(encoding="utf-8")
    (home / "preferences.json").unlink()


@pytest.mark.parametrize(("width", "locale", "scheme"), [
    (1440, "en-US", "light"), (1440, "zh-CN", "dark"), (390, "ja", "light"),
])  # fmt: skip
def test_nothing_stands_out_of_the_dialog(
    browser: Browser, address: str, tmp_path: Path, width: int, locale: str, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale=locale, color_scheme=scheme  # type: ignore[arg-type]
    )
    page = context.new_page()
    open_page(page, address)
    open_presets(page)
    page.screenshot(path=tmp_path / "list.png")
    box = page.locator("#presets-dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    for row in page.locator(".preset-row .preset-acts").all():
        inner = row.bounding_box()
        assert inner is not None
        assert inner["x"] + inner["width"] <= box["x"] + box["width"]
    dialog_row(page, "sd15-style").locator('[data-preset-act="compare"]').click()
    expect(page.locator("#presets-dialog table.differences")).to_be_visible()
    page.screenshot(path=tmp_path / "compared.png")
    context.close()


def test_the_settings_are_exported_for_kohya_ss_as_a_file(page: Page, tmp_path: Path) -> None:
    choose_preset(page, "sd15-style")
    press_in_menu(page, "export-kohya")
    expect(page.locator("#output-text textarea")).to_have_value(re.compile('"LoRA_type"'))
    with page.expect_download() as found:
        page.locator("#output-download a").click()
    found.value.save_as(tmp_path / "exported.json")
    exported = json.loads((tmp_path / "exported.json").read_text(encoding="utf-8"))
    assert (exported["network_dim"], exported["epoch"]) == (64, 8)

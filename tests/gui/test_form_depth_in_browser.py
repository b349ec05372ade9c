"""How much of the form is shown, and single settings that go back to their defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.gui.opening import open_page
from tests.gui.test_demo_in_browser import choose_preset, field, fill, unfold
from tests.pictures import image_folder


@pytest.fixture
def page(window: Callable[..., Page]) -> Page:
    return window(1400, 1000)


def test_one_setting_goes_back_to_its_default_and_nothing_else_does(page: Page, tmp_path: Path) -> None:
    choose_preset(page, "demo")
    fill(page, train_batch_size=7, lr_warmup_steps="9%")
    back = page.locator("#setting-train_batch_size .reset-one")
    expect(back).to_have_attribute("title", "Back to the default: 1")
    page.screenshot(path=tmp_path / "reset.png")
    back.click()
    expect(field(page, "train_batch_size")).to_have_value("1")
    expect(back).to_have_count(0)
    expect(field(page, "lr_warmup_steps")).to_have_value("9%")
    page.locator("#setting-lr_warmup_steps .reset-one").click()
    expect(field(page, "lr_warmup_steps")).not_to_have_value("9%")
    expect(page.locator("#setting-lr_warmup_steps .reset-one")).to_have_count(0)  # so the server has it
    page.locator("#undo").click()
    expect(field(page, "lr_warmup_steps")).to_have_value("9%")


def test_a_ticked_box_goes_back_too(page: Page) -> None:
    choose_preset(page, "demo")
    unfold(page, "captions")
    box = page.locator("#setting-shuffle_caption input")
    box.check()
    page.locator("#setting-shuffle_caption .reset-one").click()
    expect(box).not_to_be_checked()


def test_the_depth_is_remembered_and_shown_as_chosen(page: Page, address: str) -> None:
    for number, (depth, section, rare) in enumerate(
        (("essential", False, False), ("usual", True, False), ("all", True, True))
    ):
        page.locator("#depth label").nth(number).click()
        open_page(page, address)  # as on another day
        expect(page.locator(f"#depth input[value={depth}]")).to_be_checked()
        expect(page.locator("#essentials")).to_be_visible()
        expect(page.locator("#section-optimizer")).to_be_visible(visible=section)
        expect(page.locator("#section-rates")).to_be_visible(visible=rare)
        if not section:  # what is searched for is shown all the same
            page.locator("#search input").fill("learning rate")
            page.locator("#found .hit").first.click()
            expect(page.locator("#section-optimizer")).to_be_visible()


def test_a_message_under_its_field_carries_its_cure(page: Page) -> None:
    choose_preset(page, "demo")
    unfold(page, "network")
    fill(page, network_dim=0)
    cure = page.locator("#setting-network_dim .field-message .cure")
    expect(cure).to_contain_text("to 32")
    cure.click()
    expect(field(page, "network_dim")).to_have_value("32")
    expect(page.locator("#setting-network_dim .field-message .cure")).to_have_count(0)


def test_an_image_folder_that_is_too_deep_is_cured_by_its_parent_under_the_field(page: Page, tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "set", "10_zuko", [(64, 64)] * 2, "zuko")
    for path in folder.glob("*.txt"):
        path.rename(path.with_suffix(".caption"))
    choose_preset(page, "demo")
    fill(page, train_data_dir=folder)
    page.locator("#problems .cure", has_text="Choose the parent folder").first.click()
    expect(field(page, "train_data_dir")).to_have_value(str(folder.parent))
    page.locator("#problems .cure", has_text=".caption").first.click()
    unfold(page, "captions")
    expect(field(page, "caption_extension")).to_have_value(".caption")
    expect(page.locator("#problems .cure", has_text=".caption")).to_have_count(0)

"""Searching a learning rate and making class images, as a person does on the page before a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.gui.opening import open_page
from tests.gui.test_demo_in_browser import TRAINING, choose_preset, field, fill, press_in_menu, show_field


def test_a_rate_is_found_and_put_into_the_form_and_class_images_are_made(
    browser: Browser, serve: Callable[..., str], tmp_path: Path
):
    address = serve(tmp_path / "home")
    page = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US").new_page()
    open_page(page, address)
    choose_preset(page, "demo")
    expect(field(page, "output_name")).to_have_value("demo")
    fill(page, output_dir=tmp_path / "out", resolution="64,64", train_batch_size=1)
    fill(page, find_rate_steps=20, class_data_dir=tmp_path / "reg", num_class_images=2, class_sample_steps=1)
    press_in_menu(page, "find-rate")
    expect(page.locator("#run-rates")).to_contain_text("AdamW8bit", timeout=TRAINING)
    expect(page.locator("#run-state")).to_have_text("finished", timeout=TRAINING)
    page.locator("#use-rates").click()
    show_field(page, "unet_lr")
    expect(field(page, "unet_lr")).not_to_have_value("")
    rate = float(field(page, "unet_lr").input_value())
    assert 0 < rate < 1
    assert float(field(page, "learning_rate").input_value()) == rate

    press_in_menu(page, "class-images")
    expect(page.locator("#run-samples img")).to_have_count(2, timeout=TRAINING)
    expect(page.locator("#run-state")).to_have_text("finished", timeout=TRAINING)
    assert len(list((tmp_path / "reg").rglob("*.png"))) == 2
    page.screenshot(path=tmp_path / "class-images.png")

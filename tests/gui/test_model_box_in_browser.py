"""Under the base model's field on the whole page: what the file is, and other models to choose from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from kohya_gui.preferring import name_webui
from tests.gui.opening import open_page
from tests.pictures import noise_image
from train_core.config.places import app_dir

FIELD = "#setting-pretrained_model_name_or_path"
BASE = app_dir() / "demo" / "base" / "crucible-demo-base.safetensors"


@pytest.mark.parametrize(("width", "language"), [(1440, "en-US"), (390, "zh-CN")])
def test_a_model_found_in_a_webui_fills_the_field_and_is_described(
    browser: Browser, serve: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int,
    language: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    models = tmp_path / "webui" / "models" / "Stable-diffusion"
    models.mkdir(parents=True)
    shutil.copy(BASE, models / "tiny & <b>.safetensors")
    noise_image((64, 64)).save(models / "tiny & <b>.preview.png")
    name_webui(str(tmp_path / "webui"))
    context = browser.new_context(viewport={"width": width, "height": 900}, locale=language)
    page = context.new_page()
    open_page(page, serve(tmp_path / "home"))
    box, menu = page.locator(f"{FIELD} .field-note"), page.locator(f"{FIELD} .models-found")
    expect(box).to_contain_text("SD 1.x")  # the demo's
    expect(box.locator("img")).to_have_count(0)

    menu.locator("summary").click()
    expect(menu.locator("button")).to_have_count(1)
    page.screenshot(path=tmp_path / "menu.png")
    page.keyboard.press("Escape")
    expect(menu.locator("button")).to_be_hidden()
    menu.locator("summary").click()
    menu.get_by_role("button", name="tiny & <b>.safetensors").click()
    expect(page.locator(f"{FIELD} input")).to_have_value(str(models / "tiny & <b>.safetensors"))
    expect(box.locator("img")).to_be_visible()
    expect(menu.locator("button")).to_have_count(0)  # closed, and read anew when it is opened next
    page.screenshot(path=tmp_path / "chosen.png")
    page.locator(f"{FIELD} input").fill(str(tmp_path / "gone.safetensors"))
    expect(box.locator(".model-about")).to_have_count(0)
    context.close()

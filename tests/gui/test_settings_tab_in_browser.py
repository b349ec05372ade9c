"""The Settings tab on the whole page: look, language, folders, hosts and caches are chosen there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kohya_gui.i18n.languages import nearest_language
from kohya_gui.i18n.messages import text
from kohya_gui.preferences import preferences
from train_core.config.places import caches_dir


def settings_in(locale: str) -> str:
    return text("ui.tab.settings", nearest_language(locale))


@pytest.fixture
def opened(window: Callable[..., Page]) -> Callable[..., Page]:
    """`opened()` shows the tab in a browser of its own; `more` are options of the browser."""

    def open_tab(width: int = 1440, locale: str = "en-US", **more: object) -> Page:
        page = window(width, locale=locale, **more)
        page.locator("#tab-settings-button").click()
        expect(page.locator("#prefer-caches")).to_be_visible()
        return page

    return open_tab


@pytest.mark.parametrize(("width", "locale", "scheme"), [
    (1440, "en-US", "light"), (1440, "zh-CN", "dark"), (390, "ja", "light"),
])  # fmt: skip
def test_nothing_stands_out_of_the_tab(
    opened: Callable[..., Page], tmp_path: Path, width: int, locale: str, scheme: str
) -> None:
    page = opened(width, locale, color_scheme=scheme)
    expect(page.locator("#check-machine")).to_be_visible()
    for card in page.locator("#tab-settings section.card").all():
        box = card.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.screenshot(path=tmp_path / "settings.png", full_page=True)


def test_theme_and_language_are_chosen_and_stay(opened: Callable[..., Page]) -> None:
    page = opened(color_scheme="dark")
    body = page.locator("body")
    expect(page.get_by_role("radio", name="System")).to_be_checked()
    page.locator("#preferences").get_by_text("Light", exact=True).click()
    expect(body).not_to_have_class("dark")
    page.locator("#prefer-language").select_option("zh-TW")
    expect(page.locator("#tab-settings-button")).to_have_text("設定")
    page.locator("#tab-settings-button").click()
    expect(page.get_by_role("radio", name="淺色")).to_be_checked()
    expect(page.locator("#prefer-language")).to_have_value("zh-TW")
    assert "dark" not in (body.get_attribute("class") or "").split()
    page.locator("#preferences").get_by_text("跟隨系統", exact=True).click()
    page.wait_for_function("document.body.classList.contains('dark')")
    page.locator("#prefer-language").select_option("")
    expect(page.locator("#tab-settings-button")).to_have_text("Settings")


def test_folder_and_hosts_are_kept_or_refused_beside_their_field(opened: Callable[..., Page], tmp_path: Path) -> None:
    page = opened()
    field, said = page.locator("#prefer-output_dir"), page.locator("#prefer-folders .prefer-said")
    field.fill("results")
    field.press("Enter")
    expect(said).to_contain_text("results is no whole path")
    field.fill(str(tmp_path / "results"))
    page.locator("[data-prefer=output_dir]").click()
    expect(said).to_have_text("Saved.")
    expect(field).to_have_value(str(tmp_path / "results"))
    (tmp_path / "own" / "faces").mkdir(parents=True)
    (tmp_path / "own" / "faces" / "ann.json").write_text("{}")
    page.locator("#prefer-presets_folder").fill(str(tmp_path / "own"))
    page.locator("[data-prefer=presets_folder]").click()
    expect(page.locator("#prefer-presets_folder")).to_have_value(str(tmp_path / "own"))
    expect(said).to_have_text("Saved.")
    page.locator("#tab-train-button").click()
    page.locator("#preset input").click()
    expect(page.get_by_role("option", name="ann")).to_be_visible()
    page.locator("#preset input").press("Escape")
    page.locator("#tab-settings-button").click()
    expect(page.locator("#prefer-presets_folder")).to_have_value(str(tmp_path / "own"))
    page.locator("#prefer-allow_host").fill("box.lan")
    page.locator("[data-prefer=allow_host]").click()
    expect(page.locator("#prefer-hosts .prefer-said")).to_have_text("Saved.")
    assert (preferences().output_dir, preferences().allow_host) == (str(tmp_path / "results"), ("box.lan",))


def test_a_cache_is_emptied_only_after_a_second_press(opened: Callable[..., Page]) -> None:
    path = caches_dir() / "texts" / "ab" / "abc.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 2**20)
    page = opened()
    row = page.locator("#prefer-caches tr", has_text="Encoded captions")
    expect(row).to_contain_text("1.0 MiB")
    row.get_by_role("button", name="Clear…").click()
    row.get_by_role("button", name="Keep").click()
    expect(row.get_by_role("button", name="Clear…")).to_be_visible()
    assert path.exists()
    row.get_by_role("button", name="Clear…").click()
    row.get_by_role("button", name="Delete 1.0 MiB").click()
    expect(page.locator("#prefer-caches .prefer-said")).to_have_text("1.0 MiB are free again.")
    expect(row.get_by_role("button", name="Clear…")).to_be_disabled()
    assert not path.exists()

"""The Guide tab on the whole page: a whole guide where there is one in the page's language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.gui.opening import settle


def guide_tab(window: Callable[..., Page], locale: str) -> Page:
    page = window(1440, locale=locale)
    page.locator("#tab-about-button").click()
    settle(page)
    expect(page.locator("#about")).to_be_visible()
    return page


def test_a_chinese_page_shows_the_whole_chinese_guide(window: Callable[..., Page], tmp_path: Path) -> None:
    page = guide_tab(window, "zh-CN")
    guide = page.locator("#guide-zh-CN")
    expect(guide.get_by_role("heading", name="训练第一个 LoRA")).to_be_visible()
    expect(guide.get_by_role("cell", name="里没有名为 <重复次数>_<名称> 的文件夹")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 1440
    page.screenshot(path=tmp_path / "guide.png", full_page=True)


def test_links_of_the_guide_lead_out_of_the_page_alone(window: Callable[..., Page]) -> None:
    links = guide_tab(window, "zh-CN").locator("#guide-zh-CN a[href]").all()
    addresses = [link.get_attribute("href") or "" for link in links]
    assert len(addresses) > 0
    assert [address for address in addresses if not address.startswith(("https://", "#"))] == []


def test_a_page_in_another_language_shows_the_short_text_alone(window: Callable[..., Page]) -> None:
    for locale in ("en-US", "zh-TW", "ja"):
        expect(guide_tab(window, locale).locator("#guide-zh-CN")).to_be_hidden()

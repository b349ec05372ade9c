"""The Guide tab on the whole page: the guide in the page's language, and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gui.opening import settle

# The language of a browser, that of the guide it gets, and a heading and a cell of that guide.
GUIDES = [
    ("en-US", "en", "Train your first LoRA", "has no folder named"),
    ("de", "en", "Train your first LoRA", "has no folder named"),
    ("zh-CN", "zh-CN", "训练第一个 LoRA", "里没有名为 <重复次数>_<名称> 的文件夹"),
    ("zh-TW", "zh-TW", "訓練第一個 LoRA", "裡沒有命名為 <重複次數>_<名稱> 的資料夾"),
    ("ja", "ja", "はじめての LoRA", "に <繰り返し回数>_<名前> という名前のフォルダがありません"),
]
LANGUAGES = ("en", "zh-CN", "zh-TW", "ja")
# For each paragraph, how many letters its longest line has.
LONGEST_LINES = """paragraphs => paragraphs.map(paragraph => {
  const lines = {}, walker = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT), range = document.createRange();
  for (let node; (node = walker.nextNode());) for (let at = 0; at < node.length; at++) {
    range.setStart(node, at); range.setEnd(node, at + 1);
    const {bottom, width} = range.getBoundingClientRect();
    if (width) lines[Math.round(bottom / 8)] = (lines[Math.round(bottom / 8)] ?? 0) + 1;
  }
  return Math.max(0, ...Object.values(lines));
})"""


def guide_tab(window: Callable[..., Page], locale: str, width: int = 1440, language: str = "") -> Locator:
    """The guide on a new page in a browser that asks for `locale`; `language` is the guide's, where it is another."""
    page = window(width, locale=locale)
    page.locator("#tab-about-button").click()
    settle(page)
    guide = page.locator(f"#guide-{language or locale}")
    expect(guide.get_by_role("heading", level=1)).to_be_visible()
    return guide


@pytest.mark.parametrize(("locale", "language", "heading", "cell"), GUIDES, ids=[row[0] for row in GUIDES])
def test_a_page_shows_the_whole_guide_in_its_language_alone(
    window: Callable[..., Page], tmp_path: Path, locale: str, language: str, heading: str, cell: str
) -> None:
    guide = guide_tab(window, locale, language=language)
    expect(guide.get_by_role("heading", name=heading)).to_be_visible()
    expect(guide.get_by_role("cell", name=cell)).to_be_visible()
    expect(guide.page.locator(".block.guide:visible")).to_have_count(1)
    guide.page.screenshot(path=tmp_path / "guide.png", full_page=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_of_a_guide_lead_to_its_chapters_or_out_of_the_page(
    window: Callable[..., Page], language: str
) -> None:
    guide = guide_tab(window, language)
    addresses = [link.get_attribute("href") or "" for link in guide.locator("a[href]").all()]
    assert [address for address in addresses if address.startswith("https://")] != []
    anchors = [unquote(address).removeprefix("#") for address in addresses if not address.startswith("https://")]
    assert len(set(anchors)) > 5
    gone = "(guide, ids) => ids.filter(id => !guide.contains(document.getElementById(id)))"
    assert guide.evaluate(gone, anchors) == []
    last = guide.get_by_role("heading", level=2).last
    expect(last).not_to_be_in_viewport()
    guide.locator("ul").first.get_by_role("link").last.click()
    expect(last).to_be_in_viewport()


@pytest.mark.parametrize(("language", "width"), [("en", 1440), *((language, 390) for language in LANGUAGES)])
def test_a_guide_fits_the_window_in_lines_of_at_most_75_letters(
    window: Callable[..., Page], language: str, width: int
) -> None:
    guide = guide_tab(window, language, width)
    lines = guide.locator("p, li").evaluate_all(LONGEST_LINES)
    assert len(lines) > 30
    assert 20 < max(lines) <= 75
    assert guide.page.evaluate("document.documentElement.scrollWidth") == width

"""The figures of a run in a real browser: none is drawn over another, however long the words of a language are."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Browser

from kohya_gui.i18n.languages import languages
from kohya_gui.page import ASSETS
from kohya_gui.runs.follow import RunView
from kohya_gui.views.run_html import status_html

RUNNING = RunView(
    "20260101-000000-x", status="running", step=1_234, total_steps=12_000, epoch=10, epochs=100, average=0.1234,
    speed=1 / 120.9, eta=36_000 + 105,
)
BOXES = """() => [...document.querySelectorAll(".figures b, .figures span")].map((one) => {
  const range = document.createRange();
  range.selectNodeContents(one);
  const {left, right, top, bottom} = range.getBoundingClientRect();
  return [left, right, top, bottom];
})"""


@pytest.mark.parametrize("width", [380, 520])
@pytest.mark.parametrize("language", languages())
def test_no_figure_is_drawn_over_another_or_out_of_the_panel(browser: Browser, language: str, width: int) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    style = (ASSETS / "run.css").read_text(encoding="utf-8")
    page.set_content(
        f"<style>body {{ margin: 0; font: 16px sans-serif; }} {style}</style>"
        f"<div style='width: {width}px'>{status_html(RUNNING, language)}</div>"
    )
    boxes = page.evaluate(BOXES)
    page.close()
    assert len(boxes) == 10
    assert max(right for _, right, _, _ in boxes) <= width
    for (left, right, top, bottom), (left2, right2, top2, bottom2) in itertools.combinations(boxes, 2):
        assert right + 6 <= left2 or right2 + 6 <= left or bottom <= top2 or bottom2 <= top

"""A file of an opened run taken to a tool, on the whole page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.trained import trained_run

FOX = "20260101-000000-fox"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Where the files of a run lie that is in a home beside them."""
    place = tmp_path_factory.mktemp("place & <b>")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRUCIBLE_HOME", str(place / "home"))
        trained_run(FOX, place)
    return place


@pytest.fixture(scope="module")
def home(place: Path) -> Path:
    return place / "home"


@pytest.fixture
def opened(window: Callable[..., Page]) -> Callable[[int], Page]:
    """`opened(width)` shows the run in a window of that width."""

    def open_run(width: int) -> Page:
        page = window(width)
        page.locator("#tab-runs-button").click()
        page.locator(f'[data-open="{FOX}"]').first.click()
        expect(page.locator("table.epochs tbody tr")).to_have_count(3)
        return page

    return open_run


def test_a_press_on_the_tab_that_is_selected_leads_back_to_the_list(opened: Callable[[int], Page]) -> None:
    page = opened(1440)
    page.locator("#tab-train-button").click()
    page.locator("#tab-runs-button").click()  # from another tab, to the run that was left there
    expect(page.locator("#run-details h3").first).to_have_text("fox")
    page.locator("#tab-runs-button").click()
    expect(page.locator("#run-details")).not_to_be_visible()
    expect(page.locator("#history-rows li")).to_have_count(1)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_file_is_opened_in_a_tool(opened: Callable[[int], Page], place: Path, tmp_path: Path, width: int) -> None:
    page = opened(width)
    page.locator("table.epochs tbody tr").nth(1).locator("[data-dialog=tools]").click()
    expect(page.locator("#runs-dialog h3")).to_have_text("Open fox-000002.safetensors in a tool")
    page.screenshot(path=tmp_path / "choices.png")
    page.locator("#runs-dialog").get_by_role("button", name="Resize", exact=True).click()
    path = place / "out" / "fox-000002.safetensors"
    expect(page.locator("#resize_lora-setting-adapter input")).to_have_value(str(path))
    page.screenshot(path=tmp_path / "tool.png")
    page.locator("#run-resize_lora").click()  # the server has got the value too: what is missing is the result's name
    expect(page.get_by_text("save_to is empty").first).to_be_visible()
    expect(page.get_by_text("adapter is empty")).to_have_count(0)


def test_a_tool_that_a_narrow_window_has_in_a_menu_is_opened_too(opened: Callable[[int], Page], place: Path) -> None:
    page = opened(390)
    expect(page.locator("#tool-compare_lora-button")).to_have_count(0)
    page.locator("table.epochs tbody tr").first.locator("[data-dialog=tools]").click()
    page.locator("#runs-dialog").get_by_role("button", name="Compare", exact=True).click()
    path = place / "out" / "fox-000001.safetensors"
    expect(page.locator("#compare_lora-setting-adapter input")).to_have_value(str(path))


def test_files_to_be_merged_come_one_after_the_other(opened: Callable[[int], Page], place: Path) -> None:
    page = opened(1440)
    files = [place / "out" / f"fox-00000{epoch}.safetensors" for epoch in (1, 3)]
    for row in (0, 2, 2):
        page.locator("table.epochs tbody tr").nth(row).locator("[data-dialog=tools]").click()
        page.locator("#runs-dialog").get_by_role("button", name="Merge adapters").click()
        field = page.locator("#merge_lora-setting-adapters textarea").first
        expect(field).to_be_focused()
        page.locator("#tab-runs-button").click()  # where the run is still open
    expect(field).to_have_value("\n".join(map(str, files)))

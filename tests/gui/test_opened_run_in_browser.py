"""An opened run in a real browser: its table, its downloads, and its pictures compared and marked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from kohya_gui.runs.history.notes import read_notes
from kohya_gui.tabs.runs import build_runs
from tests.gui.alone import serve_alone
from tests.trained import train_epoch, trained_run

FOX = "20260101-000000-fox"


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """`opened(run)` serves a page with the Runs tab and opens that run."""
    with serve_alone(build_runs, "runs.js", tmp_path / "home", 18840, "runs.css") as address:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
        page = context.new_page()
        broken: list[str] = []
        page.on("pageerror", lambda error: broken.append(str(error)))

        def open_run(run: str = FOX) -> Page:
            page.goto(address)
            page.locator(f'[data-open="{run}"]').first.click()
            expect(page.locator("#opened-head h3")).to_be_visible()
            return page

        yield open_run
        context.close()
    assert broken == []


def drawn(page: Page, chart: str) -> Locator:
    """The canvas of a chart, once there is something on it."""
    canvas = page.locator(f"#charts-{chart} canvas")
    expect(canvas).to_be_visible()
    page.wait_for_function(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)",
        arg=canvas.element_handle(),
    )
    return canvas


def loaded(page: Page, picture: Locator) -> None:
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())


def test_a_run_is_opened_and_shut_and_stays_open_when_the_page_is_loaded_again(
    opened: Callable[..., Page], tmp_path: Path
) -> None:
    trained_run(FOX, tmp_path)
    page = opened()
    expect(page.locator("#history-rows")).not_to_be_visible()
    rows = page.locator("table.epochs tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("fox-000002.safetensors")
    expect(rows.nth(1)).to_contain_text("0.2500")
    loaded(page, rows.nth(1).locator("img").first)
    page.reload()
    expect(page.locator("#opened-head h3")).to_have_text("fox")
    page.locator("[data-shut]").click()
    expect(page.locator("#run-details")).not_to_be_visible()
    expect(page.locator("#history-rows li")).to_have_count(1)
    page.reload()
    expect(page.locator("#history-rows li")).to_have_count(1)
    expect(page.locator("#run-details")).not_to_be_visible()


def test_scripts_of_an_opened_run_are_loaded_with_the_first_one(opened: Callable[..., Page], tmp_path: Path) -> None:
    trained_run(FOX, tmp_path)
    trained_run("20260102-000000-owl", tmp_path)
    asked: list[str] = []
    page = opened("20260102-000000-owl")
    drawn(page, "loss")
    page.on("request", lambda request: asked.append(request.url))
    page.locator("[data-shut]").click()
    page.locator(f'[data-open="{FOX}"]').click()
    expect(page.locator("#opened-head h3")).to_have_text("fox")
    drawn(page, "loss")
    assert not [address for address in asked if "/assets/" in address]


def test_files_table_and_archive_are_downloaded(opened: Callable[..., Page], tmp_path: Path) -> None:
    trained_run(FOX, tmp_path)
    page = opened()
    for link, name in (("fox-000003.safetensors", "fox-000003.safetensors"), ("Table as CSV", f"{FOX}-epochs.csv"),
                       ("All files as zip", f"{FOX}.zip")):  # fmt: skip
        with page.expect_download() as found:
            page.get_by_role("link", name=link).click()
        assert found.value.suggested_filename == name
        assert found.value.path().stat().st_size > 0


def test_pictures_are_walked_through_by_keys_slider_and_table(opened: Callable[..., Page], tmp_path: Path) -> None:
    trained_run(FOX, tmp_path)
    page = opened()
    stage, when, prompt = page.locator("#viewer-stage"), page.locator("#viewer-when"), page.locator("#viewer-prompt")
    expect(when).to_contain_text("30")
    expect(prompt).to_have_text("a red fox")
    loaded(page, stage.locator("img"))
    page.locator("#viewer").focus()
    page.keyboard.press("ArrowDown")
    expect(when).to_contain_text("20")
    page.keyboard.press("ArrowRight")
    expect(prompt).to_have_text("an <b>owl</b> & more")
    expect(stage.locator("img")).to_have_attribute("src", f"pictures/{FOX}/fox_e000002_01_20260101000000_1.png")
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowLeft"):  # no further than the edges
        page.keyboard.press(key)
    expect(when).to_contain_text("30")
    expect(prompt).to_have_text("a red fox")
    page.locator("#viewer-step").fill("0")
    expect(when).to_contain_text("10")
    page.locator("#viewer-sheet .cell").nth(4).click()
    expect(prompt).to_have_text("an <b>owl</b> & more")
    expect(when).to_contain_text("20")
    expect(page.locator("#viewer-sheet .cell.on")).to_have_count(1)
    page.locator("table.epochs .cell").first.click()
    expect(when).to_contain_text("10")


def test_two_pictures_are_compared_or_one_with_what_is_trained_on(opened: Callable[..., Page], tmp_path: Path) -> None:
    trained_run(FOX, tmp_path)
    page = opened()
    figures = page.locator("#viewer-stage figure")
    page.locator("[data-mode=beside]").click()
    expect(figures).to_have_count(2)
    other = page.locator("#viewer-other")
    other.select_option("t1")
    expect(figures.first.locator("img")).to_have_attribute("src", f"runs/{FOX}/training/1")
    loaded(page, figures.first.locator("img"))
    boxes = [figures.nth(number).bounding_box() for number in (0, 1)]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"] + 1

    page.locator("[data-mode=wipe]").click()
    other.select_option("c0")
    expect(figures.first.locator("img")).to_have_attribute("src", f"pictures/{FOX}/fox_e000001_00_20260101000000_0.png")
    loaded(page, figures.nth(1).locator("img"))
    page.locator("#viewer-wipe").fill("30")
    expect(figures.nth(1)).to_have_css("clip-path", "inset(0px 0px 0px 30%)")
    stage = page.locator("#viewer-stage").bounding_box()
    page.mouse.move(stage["x"] + stage["width"] * 0.5, stage["y"] + 20)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 0.75, stage["y"] + 20)
    page.mouse.up()
    assert 73 <= int(page.locator("#viewer-wipe").input_value()) <= 77
    page.locator("[data-mode=one]").click()
    expect(figures).to_have_count(1)
    expect(page.locator("#viewer-with")).not_to_be_visible()


@pytest.mark.parametrize("width", [1440, 700])
def test_compared_pictures_lie_exactly_on_each_other_or_at_one_height(
    opened: Callable[..., Page], tmp_path: Path, width: int
) -> None:
    trained_run(FOX, tmp_path)
    page = opened()
    page.set_viewport_size({"width": width, "height": 900})
    figures = page.locator("#viewer-stage figure")
    for mode, same in (("wipe", ("x", "y", "width", "height")), ("beside", ("y", "height"))):
        page.locator(f"[data-mode={mode}]").click()
        expect(figures).to_have_count(2)
        for part, wanted in (("img", same), ("figcaption", ("y",))):
            for number in (0, 1):
                if part == "img":
                    loaded(page, figures.nth(number).locator(part))
            first, second = (figures.nth(number).locator(part).bounding_box() for number in (0, 1))
            assert [first[side] for side in wanted] == [second[side] for side in wanted], (mode, part)


def test_a_good_picture_offers_the_file_of_its_epoch(opened: Callable[..., Page], tmp_path: Path) -> None:
    fox = trained_run(FOX, tmp_path)
    page = opened()
    use = page.locator("#viewer-use")
    page.locator("#viewer").focus()
    page.keyboard.press("ArrowDown")
    expect(use).not_to_be_visible()
    page.keyboard.press("g")
    expect(page.locator("[data-mark=good]")).to_have_attribute("aria-pressed", "true")
    expect(use).to_have_text("Use this epoch: fox-000002.safetensors")
    use.click()
    expect(page.locator(".told")).to_contain_text("fox-000002-chosen.safetensors")
    assert (tmp_path / "out" / "fox-000002-chosen.safetensors").read_bytes() == b"\x02" * 200
    assert read_notes(fox).marks == {"fox_e000002_00_20260101000000_0.png": "good"}
    page.reload()
    expect(page.locator("#viewer-sheet [data-marked=good]")).to_have_count(1)
    page.locator("#viewer-sheet [data-marked=good]").click()
    page.locator("[data-mark=bad]").click()
    expect(use).not_to_be_visible()
    expect(page.locator("#viewer-sheet [data-marked=bad]")).to_have_count(1)


def test_a_good_picture_without_a_file_of_its_own_says_which_is_the_nearest(
    opened: Callable[..., Page], tmp_path: Path
) -> None:
    trained_run(FOX, tmp_path)
    for epoch in (1, 2):
        (tmp_path / "out" / f"fox-{epoch:06d}.safetensors").unlink()
    page = opened()
    use, told = page.locator("#viewer-use"), page.locator("#viewer-told")
    page.locator("[data-mark=good]").click()
    expect(use).to_have_text("Use this epoch: fox-000003.safetensors")
    expect(use).to_contain_class("primary")
    expect(told).to_be_empty()
    page.locator("#viewer-step").fill("0")
    page.locator("[data-mark=good]").click()
    expect(told).to_have_text(
        "No file was saved at step 10; the nearest is fox-000003.safetensors (Epoch 3 · step 30)."
    )
    expect(use).to_have_text("Use fox-000003.safetensors instead")
    expect(use).not_to_contain_class("primary")


def test_new_epochs_appear_while_the_run_is_open(opened: Callable[..., Page], tmp_path: Path) -> None:
    fox = trained_run(FOX, tmp_path, "", epochs=2)
    page = opened()
    expect(page.locator("#viewer-when")).to_contain_text("20")
    train_epoch(fox, tmp_path, 3, 3)
    expect(page.locator("table.epochs tbody tr")).to_have_count(3)
    expect(page.locator("#viewer-when")).to_contain_text("30")


def test_charts_are_hovered_zoomed_made_logarithmic_and_laid_over_each_other(
    opened: Callable[..., Page], tmp_path: Path
) -> None:
    trained_run(FOX, tmp_path)
    trained_run("20260102-000000-owl", tmp_path)
    asked: list[str] = []
    page = opened()
    page.on("request", lambda request: asked.append(request.url))
    drawn(page, "loss")
    drawn(page, "lr")
    assert page.locator(".charts-grid figure").evaluate_all("all => all.map(one => one.id)") == [
        "charts-loss", "charts-lr", "charts-speed"
    ]
    legend, over = page.locator("#charts-loss .u-legend"), page.locator("#charts-loss .u-over")
    names = ["each step", "smoothed", "per epoch", "validation"]
    assert legend.locator(".u-label").all_inner_texts() == ["Step", *names]
    box = over.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 40)
    expect(legend.locator(".u-value").nth(0)).to_have_text("30")
    expect(legend.locator(".u-value").nth(4)).to_have_text("0.08333")

    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page.locator("#charts-loss")).to_have_attribute("data-zoomed", "true")
    page.mouse.dblclick(box["x"] + box["width"] * 0.5, box["y"] + 60)
    expect(page.locator("#charts-loss")).to_have_attribute("data-zoomed", "false")

    linear = drawn(page, "loss").evaluate("canvas => canvas.toDataURL()")
    page.locator("[data-chart=loss]").check()
    logarithmic = drawn(page, "loss").evaluate("canvas => canvas.toDataURL()")
    expect(page.locator("[data-chart=loss]")).to_be_checked()
    assert logarithmic != linear

    page.locator("#charts-add").select_option("20260102-000000-owl")
    expect(legend.locator(".u-label")).to_have_count(9)
    assert "owl (20260102-000000): smoothed" in legend.locator(".u-label").all_inner_texts()
    assert [address.split("/runs/")[1] for address in asked if "/curves" in address] == [
        f"{FOX}/curves", "20260102-000000-owl/curves"
    ]
    page.locator("[data-without]").click()
    expect(legend.locator(".u-label")).to_have_count(5)


def test_a_chart_grows_with_its_run_and_stays_zoomed(opened: Callable[..., Page], tmp_path: Path) -> None:
    fox = trained_run(FOX, tmp_path, "", epochs=2)
    page = opened()
    drawn(page, "loss")
    over = page.locator("#charts-loss .u-over").bounding_box()
    page.mouse.move(over["x"] + 40, over["y"] + 40)
    page.mouse.down()
    page.mouse.move(over["x"] + 140, over["y"] + 60, steps=4)
    page.mouse.up()
    expect(page.locator("#charts-loss")).to_have_attribute("data-zoomed", "true")
    train_epoch(fox, tmp_path, 3, 3)
    expect(page.locator("table.epochs tbody tr")).to_have_count(3)
    expect(page.locator("#charts-loss")).to_have_attribute("data-zoomed", "true")
    page.mouse.dblclick(over["x"] + 80, over["y"] + 60)
    expect(page.locator("#charts-loss")).to_have_attribute("data-zoomed", "false")
    page.mouse.move(over["x"] + over["width"] - 1, over["y"] + 40)
    expect(page.locator("#charts-loss .u-value").first).to_have_text("30")


def test_the_console_is_coloured_and_searched(opened: Callable[..., Page], tmp_path: Path) -> None:
    fox = trained_run(FOX, tmp_path)
    page = opened()
    lines = page.locator("#console-lines > div")
    expect(lines).to_have_count(3)
    expect(page.locator("#console-lines .warning")).to_contain_text("it is warm")
    page.locator("#console-search").fill("EPOCH")
    expect(lines).to_have_count(1)
    expect(lines.locator("mark")).to_have_text("epoch")
    expect(lines.locator("i")).to_have_text("3")
    with (fox / "console.log").open("a", encoding="utf-8") as console:
        console.write("epoch <b>2</b>\n")
    expect(lines).to_have_count(2)
    expect(lines.nth(1)).to_contain_text("epoch <b>2</b>")
    page.locator("#console-search").fill("")
    expect(page.locator("#console-count")).to_have_text("4 lines")


@pytest.mark.parametrize("may_copy", [True, False])
def test_a_report_is_copied_or_shown_to_be_copied(opened: Callable[..., Page], tmp_path: Path, may_copy: bool) -> None:
    trained_run(FOX, tmp_path, "")
    page = opened()
    if may_copy:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    else:
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    expect(page.locator("#opened-head .note.error")).to_contain_text("ended without giving a reason")
    page.locator("[data-report]").click()
    if may_copy:
        expect(page.locator(".told")).to_contain_text("copied")
        report = page.evaluate("navigator.clipboard.readText()")
    else:
        report = page.locator("#report-text").input_value()
    assert "[run_lost]" in report
    assert str(tmp_path) not in report

"""From 1,774 pictures to 30 on the whole page: culled by keys through a killed server, proofread, exported, trained."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.gui.opening import open_page

TOTAL, KEPT = 1774, 30


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many pictures as the tutorial has, each with a pattern of its own; every third one calls a girl a boy."""
    folder = tmp_path_factory.mktemp("collected")
    draw = np.random.default_rng(12)
    for number in range(TOTAL):
        blocks = Image.fromarray(draw.integers(0, 255, (8, 8, 3), dtype=np.uint8))
        blocks.resize((64, 80), Image.Resampling.NEAREST).save(folder / f"{number:04d}.png")
        boy = ", 1boy" if number % 3 == 0 else ""
        (folder / f"{number:04d}.txt").write_bytes(f"1girl, solo{boy}, skirt, red skirt\r\n".encode())
    return folder


def kill_server(port: str) -> None:
    """End the page's process as a power cut would."""
    for process in psutil.Process().children(recursive=True):
        if port in process.cmdline() and "kohya_gui.cli" in process.cmdline():
            process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
            process.wait(30)


def shown(page: Page, filter: str, words: str) -> None:
    """Type a filter by keys alone, and wait for what it shows."""
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type(filter)
    page.keyboard.press("Enter")
    expect(page.locator("#studio-count")).to_have_text(words)


def kept(page: Page, count: int) -> None:
    expect(page.locator("#studio-counts .count b").first).to_have_text(str(count))


def test_pictures_are_culled_proofread_and_trained_on_and_a_killed_server_costs_nothing(
    window: Callable[..., Page], serve: Callable[..., str], address: str, home: Path, pictures: Path
) -> None:
    before = {path.name: path.read_bytes() for path in pictures.iterdir()}
    page = window(1440)
    page.locator("#tab-data-button").click()
    page.locator("#studio-path").fill(str(pictures))
    page.keyboard.press("Enter")
    expect(page.locator("#studio-count")).to_have_text(f"{TOTAL:,} pictures")
    for _ in range(KEPT // 2):
        with page.expect_response(lambda response: response.url.endswith("data/mark")):
            page.keyboard.press("k")
    kill_server(address.rsplit(":", maxsplit=1)[-1].strip("/"))

    page = page.context.new_page()
    open_page(page, serve(home))
    page.locator("#tab-data-button").click()
    page.locator("#studio-known .set").click()
    kept(page, KEPT // 2)
    shown(page, "mark:undecided", f"{TOTAL - KEPT // 2:,} of {TOTAL:,}")
    for _ in range(KEPT // 2):
        page.keyboard.press("k")
    kept(page, KEPT)
    shown(page, "mark:undecided", f"{TOTAL - KEPT:,} of {TOTAL:,}")
    with page.expect_response(lambda response: response.url.endswith("data/mark")):
        page.keyboard.press("Control+a")
        page.keyboard.press("r")
    shown(page, "mark:keep", f"{KEPT} of {TOTAL:,}")
    assert {path.name: path.read_bytes() for path in pictures.iterdir()} == before

    page.locator("[data-mode=proofread]").click()
    finding = page.locator("#studio-findings .finding.contradiction")
    expect(finding).to_contain_text("“1boy” beside “1girl, solo” (captions: 10)")
    finding.locator("button").first.click()
    expect(page.locator("#studio-count")).to_have_text(f"10 of {TOTAL:,}")
    finding.locator("button").last.click()
    expect(finding).to_have_count(0)
    page.locator("#studio-findings .finding.part button").last.click()
    expect(page.locator("#studio-findings .finding.part")).to_have_count(0)
    assert (pictures / "0000.txt").read_bytes() == b"1girl, solo, red skirt\r\n"

    page.locator("[data-mode=captions]").click()
    page.locator("#studio-tagger").click()  # to the tool that tags the pictures, and back
    expect(page.locator("#tag_pictures-setting-pictures input")).to_have_value(str(pictures))
    page.locator("#tab-data-button").click()

    page.locator("#studio-export-open").click()
    expect(page.locator("#studio-export [name=repeats]")).to_have_value("7")
    page.locator("#studio-export [name=name]").fill("nagisa")
    page.locator("#studio-export [name=held_out]").fill("2")
    page.locator("#studio-export-go").click()
    expect(page.locator("#studio-export-told")).to_contain_text("to train on: 28, for validation: 2")
    page.locator("#studio-export-train").click()
    expect(page.locator("#step-line")).to_contain_text("28 images × 7 repeats")
    expect(page.locator("#setting-output_name input")).to_have_value("nagisa")
    assert len(list(home.rglob("exports/*/train/7_nagisa/*.png"))) == 28
    assert len(list(home.rglob("exports/*/validation/1_nagisa/*.txt"))) == 2

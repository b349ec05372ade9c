"""Pausing a training and going on with it, as a person does on the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.gui.opening import open_page
from tests.gui.test_demo_in_browser import TRAINING, start_demo


def test_a_run_is_paused_resumed_and_trained_at_another_rate(
    browser: Browser, serve: Callable[..., str], tmp_path: Path
):
    address = serve(tmp_path / "home")
    page = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US").new_page()
    open_page(page, address)
    long = {"max_train_epochs": 0, "max_train_steps": 100_000, "train_batch_size": 1, "sample_prompts": ""}
    start_demo(page, tmp_path / "out", output_name="long", **long)
    expect(page.locator("#run-step b")).to_contain_text("/ 100,000", timeout=TRAINING)
    page.locator("#rate-tenth").click()
    expect(page.locator("#pause")).to_have_attribute("title", re.compile("Writes a state"))
    expect(page.locator("#stop")).to_have_attribute("title", re.compile("Writes no state"))
    page.locator("#pause").click()
    expect(page.locator("#run-state")).to_have_text("paused", timeout=TRAINING)
    expect(page.locator("#run-controls")).not_to_be_visible()
    state = Path(page.locator("#run-result code").inner_text())
    assert (state / "state.json").is_file()

    page.locator("#resume").click()
    expect(page.locator("#run-state")).to_have_text("running", timeout=TRAINING)
    stopped_at = int(re.sub(r"\D", "", state.name))
    page.wait_for_function(
        "at => parseInt(document.querySelector('#run-step b').textContent.replace(',', '')) > at",
        arg=stopped_at, timeout=TRAINING,
    )  # fmt: skip
    page.locator("#stop").click()
    expect(page.locator("#run-state")).to_have_text("stopped", timeout=TRAINING)
    result = Path(page.locator("#run-result code").inner_text())
    assert int(re.sub(r"\D", "", result.stem)) > stopped_at
    assert len(list((tmp_path / "home" / "runs").iterdir())) == 1

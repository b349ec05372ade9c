"""A new word is trained at rates in stages, and a person who watches the samples ends each stage on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from kohya_gui.form.drafts import save_draft
from tests.gui.test_demo_in_browser import TRAINING
from tests.pictures import image_folder
from tests.tiny import tiny_file

PRESS = re.compile("The samples hardly change any more.*Press Next stage")


def test_a_stage_ends_when_next_stage_is_pressed_and_the_page_says_when_to(
    home: Path, window: Callable[..., Page], tmp_path: Path
) -> None:
    image_folder(tmp_path / "images", "100_fox", [(64, 64)] * 2, "a fox")
    save_draft("", {"values": {
        "training_method": "textual inversion", "token_string": "zuko-fox", "num_vectors_per_token": "1",
        "pretrained_model_name_or_path": str(tiny_file()), "train_data_dir": str(tmp_path / "images"),
        "output_dir": str(tmp_path / "out"), "output_name": "fox", "resolution": "64", "mixed_precision": "no",
        "optimizer_type": "AdamW", "lr_scheduler": "staged", "lr_stages": "1e-9:press, 1e-10:press, 1e-11",
        "max_train_epochs": 0, "max_train_steps": 100_000, "max_data_loader_n_workers": 0, "use_cpu": True,
        "sample_prompts": "zuko-fox --w 64 --h 64 --s 1 --d 1", "sample_every_n_steps": 1,
    }})  # fmt: skip
    page = window(1400)
    page.locator("#start").click()
    stage, note, button = page.locator("#run-rate-stage"), page.locator("#run-status"), page.locator("#next-stage")
    expect(stage).to_have_text("Stage 1 of 3 of the learning rate: 1e-09", timeout=TRAINING)
    expect(note).to_contain_text(PRESS, timeout=TRAINING)
    for number, rate in ((2, "1e-10"), (3, "1e-11")):
        button.click()
        expect(stage).to_have_text(f"Stage {number} of 3 of the learning rate: {rate}", timeout=TRAINING)
    expect(button).not_to_be_visible()
    expect(note).not_to_contain_text(PRESS)
    page.locator("#stop").click()
    expect(page.locator("#run-state")).to_have_text("stopped", timeout=TRAINING)
    [run] = (home / "runs").iterdir()
    events = [json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    pressed = [event["step"] for event in events if event["kind"] == "rate_stage" and event.get("pressed")]
    assert len(pressed) == 2
    rates = [(event["step"], event["lr"]) for event in events if event["kind"] == "progress"]
    for step, by_part in rates:
        expected = 1e-9 * 0.1 ** sum(end < step for end in pressed)
        assert all(abs(rate / expected - 1) < 1e-6 for rate in by_part.values()), (step, by_part, pressed)

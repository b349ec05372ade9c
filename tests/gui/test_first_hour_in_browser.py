"""The first hour with Crucible: of a beginner who follows a tutorial, and of someone who used kohya_ss yesterday."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.gui.opening import open_page
from tests.gui.test_demo_in_browser import TRAINING, field, fill, show_field
from tests.kohya_gui.runs.conftest import wait_until

REPOSITORY = Path(__file__).parents[2]
BASE = REPOSITORY / "demo" / "base" / "crucible-demo-base.safetensors"
IMAGES = REPOSITORY / "demo" / "images" / "30_crux robot"
PROMPT = "crux robot, green background --w 64 --h 64 --s 2 --d 1"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    yield page
    context.close()
    assert broken == []


def some_pictures(folder: Path, ending: str) -> Path:
    """Four pictures of the demo in `folder`, with captions that end with `ending`."""
    folder.mkdir(parents=True)
    for number in range(1, 5):
        shutil.copy(IMAGES / f"{number:02d}.png", folder)
        shutil.copy(IMAGES / f"{number:02d}.txt", folder / f"{number:02d}{ending}")
    return folder


def a_preset_of_a_friend(home: Path) -> None:
    """Settings that say how to train, and nothing of what."""
    (home / "presets").mkdir(parents=True)
    (home / "presets" / "from a friend.json").write_text(json.dumps({
        "config_version": 1, "resolution": "64,64", "network_dim": 4, "network_alpha": 4, "max_train_epochs": 2,
        "train_batch_size": 1, "learning_rate": 0.001, "mixed_precision": "no", "save_every_n_epochs": 1,
        "sample_every_n_epochs": 1, "enable_bucket": False, "seed": 0,
    }))  # fmt: skip


def cure(page: Page, words: str) -> None:
    """Press the button that says `words` among the problems."""
    page.locator("#problems button.cure").get_by_text(words).first.click()


def test_a_beginner_s_first_hour(page: Page, serve: Callable[..., str], tmp_path: Path):
    home, pictures = tmp_path / "home", some_pictures(tmp_path / "pictures" / "3_crux robot", ".caption")
    base = Path(shutil.copy(BASE, tmp_path / "my base.safetensors"))
    a_preset_of_a_friend(home)
    open_page(page, serve(home))

    # The base model, pasted as Windows copies paths, and the folder of the pictures where its parent is meant.
    fill(page, pretrained_model_name_or_path=f'"{base}"', train_data_dir=pictures)
    expect(field(page, "pretrained_model_name_or_path")).to_have_value(str(base))
    cure(page, "Choose the parent folder")
    expect(field(page, "train_data_dir")).to_have_value(str(pictures.parent))
    cure(page, ".caption")
    fill(page, output_name="robot", output_dir=tmp_path / "out", sample_prompts=PROMPT)

    # A preset says how to train; what was chosen stays.
    page.locator("#preset input").click()
    page.get_by_role("option", name=re.compile("from a friend")).click()
    show_field(page, "network_dim")
    expect(field(page, "network_dim")).to_have_value("4")
    expect(field(page, "pretrained_model_name_or_path")).to_have_value(str(base))
    expect(field(page, "train_data_dir")).to_have_value(str(pictures.parent))
    expect(field(page, "output_name")).to_have_value("robot")
    expect(page.locator("#step-line")).to_contain_text("24 steps")  # 4 pictures x 3 x 2 epochs
    expect(page.locator("#counts a.error")).to_have_count(0)

    # A try tells what the training takes, and leaves nothing.
    page.locator("#try").click()
    expect(page.locator("#tried .try")).to_contain_text("Each step", timeout=TRAINING)
    expect(page.locator("#tried .try")).to_contain_text("Ends at")
    assert not list((home / "runs").glob("*")) and not (tmp_path / "out").exists()

    page.locator("#start").click()
    expect(page.locator("#run-step b")).to_contain_text("/ 24", timeout=TRAINING)
    expect(page.locator("#run-samples img").first).to_be_visible(timeout=TRAINING)
    expect(page.locator("#run-state")).to_have_text("finished", timeout=TRAINING)
    assert (tmp_path / "out" / "robot.safetensors").is_file()

    # The best picture is marked, and what drew it goes to where pictures are drawn.
    (tmp_path / "webui" / "models" / "Stable-diffusion").mkdir(parents=True)
    page.get_by_role("tab", name="Runs").click()
    page.locator("[data-open]").first.click()
    page.locator("#viewer").focus()
    page.keyboard.press("g")
    page.locator("#viewer-send").click()
    page.locator("#runs-dialog [name=other]").fill(str(tmp_path / "webui"))
    page.screenshot(path=tmp_path / "send.png")
    page.locator("#runs-dialog .primary").click()
    expect(page.locator(".told").last).to_contain_text("Sent to")
    loras = tmp_path / "webui" / "models" / "Lora"
    assert sorted(path.suffix for path in loras.iterdir()) == [".json", ".png", ".safetensors"]
    assert json.loads(next(loras.glob("*.json")).read_text("utf-8"))["activation text"] == "crux robot"


def test_the_first_hour_of_someone_who_used_kohya_ss(page: Page, serve: Callable[..., str], tmp_path: Path):
    old = {
        "LoRA_type": "Standard", "pretrained_model_name_or_path": str(BASE), "train_data_dir": str(IMAGES.parent),
        "output_dir": str(tmp_path / "out"), "output_name": "zuko", "max_resolution": "64,64", "epoch": "1",
        "max_train_steps": "3", "train_batch_size": 1.0, "learning_rate": "0.0001", "unet_lr": "0.0002",
        "text_encoder_lr": 5e-05, "network_dim": 8.0, "network_alpha": "4", "optimizer": "AdamW", "mixed_precision":
        "no", "save_precision": "fp16", "enable_bucket": False, "caption_extension": ".txt", "xformers": "none",
        "lr_scheduler": "constant", "lr_warmup": 0, "cache_latents": True, "seed": "7", "sample_prompts": "",
        "additional_parameters": "--noise_offset=0.05", "wandb_api_key": "", "stop_text_encoder_training_pct": 0,
    }  # fmt: skip
    home = tmp_path / "home"
    (tmp_path / "zuko.json").write_text(json.dumps(old))
    open_page(page, serve(home))
    page.locator("#more").click()
    with page.expect_file_chooser() as chooser:
        page.locator("#open-file").click()
    chooser.value.set_files(tmp_path / "zuko.json")
    expect(page.locator("#report")).not_to_be_empty()
    page.locator("#report-close").click()

    # Settings are found by the names that they had.
    for words, name, value in (
        ("unet_lr", "unet_lr", "2e-4"), ("network rank", "network_dim", "8"), ("noise_offset", "noise_offset", "0.05"),
    ):  # fmt: skip
        page.locator("#search input").fill(words)
        page.locator("#found .hit").first.click()
        expect(page.locator(f"#setting-{name} input").first).to_be_focused()
        expect(field(page, name)).to_have_value(value)
    expect(page.locator("#step-line")).to_contain_text("3 steps")
    expect(page.locator("#counts a.error")).to_have_count(0)

    # Three runs wait before the evening is over, and their files are there in the morning.
    for number, name in enumerate(("zuko", "zuko b", "zuko c"), start=1):
        fill(page, output_name=name)
        page.locator("#queue").click()
        wait_until(lambda number=number: len(list(home.glob("runs/*"))) == number)
    page.get_by_role("tab", name="Runs").click()
    expect(page.locator("#history-rows").get_by_text("finished")).to_have_count(3, timeout=TRAINING)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.safetensors")) == [
        "zuko b.safetensors", "zuko c.safetensors", "zuko.safetensors",
    ]  # fmt: skip

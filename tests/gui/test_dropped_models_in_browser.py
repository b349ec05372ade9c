"""Model files that are dropped on the whole page: named by their kind and folder, or refused in words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

from kohya_gui.preferring import name_webui
from tests.gui.test_demo_in_browser import field
from tests.gui.test_upload_in_browser import drop
from train_core.config.places import app_dir

BASE = app_dir() / "demo" / "base" / "crucible-demo-base.safetensors"

COUNT = """() => {
  const ask = window.fetch;
  window.sent = [];
  window.fetch = (address, more) => {
    if (String(address).includes("/open?")) window.sent.push(more.body.size);
    return ask(address, more);
  };
}"""


@pytest.fixture(scope="module")
def webui(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's WebUI, in the home that the page is served from."""
    webui = tmp_path_factory.mktemp("sd-webui")
    (webui / "models" / "Stable-diffusion").mkdir(parents=True)
    name_webui(str(webui))
    return webui


@pytest.fixture
def page(webui: Path, window: Callable[..., Page]) -> Page:
    return window(1280, 800)


def test_a_checkpoint_and_an_embedding_are_named_and_change_nothing(page: Page, webui: Path, tmp_path: Path):
    before = field(page, "output_name").input_value()
    page.evaluate(COUNT)
    checkpoint = Path(shutil.copy(BASE, tmp_path / "a & <b>.safetensors"))
    drop(page, checkpoint)
    named = page.locator("#model-named")
    expect(named.locator("h3")).to_have_text("a & <b>.safetensors")
    expect(named).to_contain_text("Checkpoint")
    expect(named).to_contain_text("SD 1.x")
    expect(named.locator("code")).to_have_text(str(webui / "models" / "Stable-diffusion"))
    header = int.from_bytes(checkpoint.read_bytes()[:8], "little")
    assert page.evaluate("window.sent") == [8 + header]
    page.screenshot(path=tmp_path / "checkpoint.png")

    torch.save({"string_to_param": {"*": torch.zeros(2, 768)}, "name": "me"}, tmp_path / "me.pt")
    drop(page, tmp_path / "me.pt")
    expect(named.locator("h3")).to_have_text("me.pt")
    expect(named.locator("code")).to_have_text(str(webui / "embeddings"))
    page.locator("#report-close").click()
    expect(page.locator("#report")).to_be_empty()
    assert field(page, "output_name").input_value() == before


def test_nonsense_is_refused_in_words(page: Page):
    drop(page, named={"model.safetensors": b"nonsense, whatever it is"})
    expect(page.locator(".told").last).to_contain_text("model.safetensors is damaged")
    drop(page, named={"model.ckpt": b"nonsense, whatever it is"})
    expect(page.locator(".told").last).to_contain_text("model.ckpt is no checkpoint of PyTorch")
    expect(page.locator("#report")).to_be_empty()

"""Presets on the page, as people use them: choosing one takes nothing away, and what is theirs is kept in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.gui.test_demo_in_browser import choose_preset, field, fill, open_page


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("CRUCIBLE_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], home: Path) -> str:
    return serve(home)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US")
    page = context.new_page()
    open_page(page, address)
    yield page
    context.close()


def test_a_preset_leaves_what_was_typed_before_it_was_chosen(page: Page, tmp_path: Path) -> None:
    own = {
        "pretrained_model_name_or_path": tmp_path / "base.safetensors", "train_data_dir": tmp_path,
        "output_name": "zuko",
    }  # fmt: skip
    fill(page, **own)
    choose_preset(page, "sd15-style")
    for name, value in own.items():
        expect(field(page, name)).to_have_value(str(value))
    expect(field(page, "max_train_epochs")).to_have_value("8")
    expect(field(page, "sample_prompts")).to_have_value("")  # the demo's, which nobody has chosen
    page.locator("#undo").click()
    expect(field(page, "learning_rate")).to_have_value("to be replaced")
    expect(field(page, "max_train_epochs")).to_have_value("4")
    expect(field(page, "output_name")).to_have_value("zuko")

"""Results go from an opened run to a WebUI, whose folder is asked for once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from kohya_gui.preferring import known_webuis
from tests.gui.test_opened_run_in_browser import opened  # noqa: F401  the fixture
from tests.trained import trained_run

FOX = "20260101-000000-fox"


def test_an_epoch_is_sent_and_its_tag_copied(opened: Callable[..., Page], tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "webui" / "models" / "Stable-diffusion").mkdir(parents=True)
    loras = tmp_path / "webui" / "models" / "Lora"
    trained_run(FOX, tmp_path)
    page = opened()
    row, dialog = page.locator("table.epochs tbody tr").nth(1), page.locator("#runs-dialog")
    row.get_by_role("button", name="Send to WebUI").click()
    expect(dialog.get_by_role("checkbox", name="fox-000002.safetensors")).to_be_checked()
    expect(dialog).to_contain_text("No trigger words are known")
    dialog.locator("[name=other]").fill(str(tmp_path))
    dialog.get_by_role("button", name="Send to WebUI").click()
    expect(page.locator(".told").last).to_contain_text("fox-000002.safetensors")
    assert json.loads((loras / "fox-000002.json").read_text("utf-8"))["activation text"] == ""
    assert (loras / "fox-000002.preview.png").is_file()
    assert [one.root for one in known_webuis()] == [tmp_path / "webui"]

    row.get_by_role("button", name="Send to WebUI").click()
    dialog.get_by_role("checkbox", name="fox-000003.safetensors").check()
    dialog.get_by_role("button", name="Send to WebUI").click()  # to the one that is known
    expect(page.locator(".told").last).to_contain_text("fox-000003.safetensors")
    assert sorted(path.name for path in loras.glob("*.safetensors")) == ["fox-000002.safetensors",
                                                                        "fox-000003.safetensors"]  # fmt: skip
    row.get_by_role("button", name="Send to WebUI").click()
    page.screenshot(path=tmp_path / "send.png")
    dialog.get_by_role("button", name="Send to WebUI").click()
    expect(page.locator(".told").last).to_contain_text("there already")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row.get_by_role("button", name="Copy tag").click()
    expect(page.locator(".told").last).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "<lora:fox-000002:1>"


def test_what_is_no_webui_is_refused_in_the_dialog(opened: Callable[..., Page], tmp_path: Path) -> None:  # noqa: F811
    trained_run(FOX, tmp_path)
    page = opened()
    page.locator("table.epochs tbody tr").first.get_by_role("button", name="Send to WebUI").click()
    page.locator("#runs-dialog [name=other]").fill(str(tmp_path / "out"))
    page.locator("#runs-dialog").get_by_role("button", name="Send to WebUI").click()
    expect(page.locator("#runs-dialog .dialog-error")).to_contain_text("models/Stable-diffusion")
    assert known_webuis() == []

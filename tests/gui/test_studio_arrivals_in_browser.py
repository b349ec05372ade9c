"""Pictures that come into an open dataset on the whole page: dropped, pasted; and datasets that grow and go."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kohya_gui.runs.details.record import record_of
from tests.gui.opening import settle
from tests.pictures import noise_image
from tests.trained import trained_run
from train_core.sampling.png import save_png
from train_core.studio.dataset import dataset_of

GIVE = """([kind, files]) => {
  const transfer = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  const event = kind === "drop" ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
    : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true});
  document.body.dispatchEvent(event);
}"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "some"
    folder.mkdir()
    for number in range(3):
        noise_image((64, 64), number).save(folder / f"{number}.png")
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "1.png", "text": "a hat"}))
    return folder


def give(page: Page, kind: str, *paths: Path) -> None:
    page.evaluate(GIVE, [kind, [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]])


def test_what_is_dropped_and_pasted_becomes_part_of_the_dataset_and_the_dataset_goes(
    window: Callable[..., Page], home: Path, pictures: Path, tmp_path: Path
) -> None:
    page = window(1280)
    page.locator("#tab-data-button").click()
    page.locator("#studio-path").fill(str(pictures))
    page.keyboard.press("Enter")
    expect(page.locator("#studio-count")).to_have_text("3 pictures")
    page.locator("#studio-listed button.primary").click()
    expect(page.locator("#studio-listed")).to_be_hidden()
    assert (pictures / "1.txt").read_text() == "a hat"

    made = save_png(noise_image((64, 64), 8), tmp_path / "made.png", "a cat\nSteps: 20, Sampler: Euler a")
    noise_image((64, 64), 9).save(tmp_path / "plain.png")
    give(page, "drop", made, tmp_path / "plain.png")
    expect(page.locator("#studio-count")).to_have_text("5 pictures")
    noise_image((64, 64), 10).save(tmp_path / "image.png")
    give(page, "paste", tmp_path / "image.png")
    expect(page.locator("#studio-count")).to_have_text("6 pictures")
    assert [path.read_text() for path in home.rglob("data/added-*/*/*.txt")] == ["a cat"]
    assert sorted(path.name for path in pictures.glob("*.png")) == ["0.png", "1.png", "2.png"]

    page.locator("#studio-name").click()
    page.locator("#studio-known .set .line button").nth(1).click()
    page.locator("#studio-known .set .line button.primary").click()
    expect(page.locator("#studio-known .set")).to_have_count(0)
    assert list(home.glob("trash/*/journal.jsonl")) and (pictures / "0.png").is_file()


def test_a_sample_of_a_run_goes_to_the_data(
    window: Callable[..., Page], home: Path, pictures: Path, tmp_path: Path
) -> None:
    run = trained_run("20260101-000000-fox", tmp_path / "place")
    for one in record_of(run).samples:
        save_png(noise_image((64, 64), 70), Path(one.path), "a fox\nSteps: 20, Sampler: Euler a")
    dataset = dataset_of(pictures)
    page = window(1280)
    page.locator("#tab-runs-button").click()
    settle(page)
    page.locator(f'[data-open="{run.name}"]').first.click()
    page.locator("#viewer-data").click()
    page.locator(f'#to-data [data-set="{dataset.id}"]').click()
    expect(page.locator("#to-data")).to_be_hidden()
    expect(page.locator(".told").first).to_contain_text("Copied to some")
    [copy] = (home / "data" / f"added-{dataset.id}" / "generated").glob("*.png")
    assert copy.with_suffix(".txt").read_text() == "a fox"

"""The Evaluate tab with grids of 100 and of 5,000 cells: from a press on a grid to pictures and to an answered key.

A real server with a home of its own, and a real Chromium; PNG pictures of 512 x 768. `again` is opening the same grid
a second time, when its small pictures are made. Compare figures of one run with each other; machines differ.

    python bench/evaluate.py
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.page import BROWSERS, start
from train_core.facts.grids.folder import AxisFacts, GridFacts, GridFolder, PictureFacts

GRIDS = {"hundred": (10, 10), "thousands": (50, 100)}
SIZE, DISTINCT = (512, 768), 24  # pixels; pictures that are drawn, the others are links
KEYS = 30
# Whether every cell in view has its picture.
SHOWN = """() => {
  const cells = [...document.querySelectorAll('#evaluate-grid .cell:not([hidden])')];
  const box = document.getElementById('evaluate-grid').getBoundingClientRect();
  const seen = cells.filter((cell) => { const at = cell.getBoundingClientRect(); return at.top < box.bottom && at.left < box.right; });
  return seen.length > 8 && seen.every((cell) => cell.dataset.state === 'ready');
}"""  # noqa: E501
# Seconds from an arrow key until the next cell is the chosen one and drawn so.
KEY = """() => new Promise((done) => {
  const current = () => document.querySelector('#evaluate-grid .current')?.id, before = current(), began = performance.now();
  const key = before.endsWith('-3') ? 'ArrowLeft' : 'ArrowRight'; // to and fro
  document.getElementById('evaluate-grid').dispatchEvent(new KeyboardEvent('keydown', {key, code: key, bubbles: true}));
  const look = () => (current() !== before ? done((performance.now() - began) / 1000) : requestAnimationFrame(look));
  requestAnimationFrame(look);
})"""  # noqa: E501


def main() -> None:
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        sys.exit("No browser is installed.")
    with tempfile.TemporaryDirectory() as home:
        for name, (columns, rows) in GRIDS.items():
            make_grid(Path(home) / "evaluations" / name, columns, rows)
        server, address = start(Path(home))
        try:
            measure(address, program)
        finally:
            server.terminate()
            server.wait()


def make_grid(path: Path, columns: int, rows: int) -> None:
    """A grid of epochs and seeds in pictures of noise."""
    folder, draw = GridFolder(path), np.random.default_rng(1)
    folder.picture("x").parent.mkdir(parents=True)
    for number in range(DISTINCT):
        small = Image.fromarray(draw.integers(0, 255, (48, 32, 3), dtype=np.uint8))
        small.resize(SIZE, Image.Resampling.BICUBIC).save(path / f"{number}.png")
    names = [f"{number:032x}" for number in range(columns * rows + rows)]
    for number, name in enumerate(names):
        folder.picture(name).hardlink_to(path / f"{number % DISTINCT}.png")
    picture = PictureFacts(
        prompt="a red fox", negative_prompt="", width=SIZE[0], height=SIZE[1], seed=1, steps=20, scale=7.0,
        sampler="euler", model="base",
    )  # fmt: skip
    axes = tuple(
        AxisFacts(kind=kind, labels=tuple(str(number) for number in range(count)))
        for kind, count in (("file", columns), ("seed", rows))
    )
    without = tuple(names[columns * rows :]) * columns
    cells = tuple(names[: columns * rows])
    folder.write(GridFacts(axes=axes, cells=cells, without=without, pictures=dict.fromkeys(names, picture)))


def measure(address: str, program: str) -> None:
    """Print all figures."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only the tests' packages have it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.locator("#train-stamp [data-stamp]").wait_for(state="attached")
        page.locator("#tab-evaluate-button").click()
        for name in (*GRIDS, *GRIDS):
            card = page.locator("#evaluate-known button", has_text=name)
            card.wait_for()
            began = time.perf_counter()
            card.click()
            page.locator("#evaluate-grid .current").wait_for()
            there = time.perf_counter() - began
            key = page.evaluate(KEY)
            page.wait_for_function(SHOWN)
            shown = time.perf_counter() - began
            keys = sorted(page.evaluate(KEY) for _ in range(KEYS))
            print(
                f"{name:<10} cells {there:6.2f} s   first key {key:6.3f} s   pictures in view {shown:6.2f} s   "
                f"key {keys[KEYS // 2]:6.3f} s"
            )
            page.locator("#evaluate-name").click()
        browser.close()


if __name__ == "__main__":
    main()

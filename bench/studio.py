"""The Data tab with thousands of pictures: the first screen, keys, filters, a change of all captions, and memory.

A real server with a home of its own, and a real Chromium; JPEG pictures of 900 x 1200 with captions, made once in
`--pictures`. `again` is opening the same folder a second time, which is how people mostly meet it. Compare figures of
one run with each other; machines differ.

    python bench/studio.py [--counts 5000 20000] [--pictures FOLDER]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.page import BROWSERS, start

DISTINCT = 40  # pictures that are drawn; the others are these with other bytes behind the picture
SIZE = (900, 1200)
KEYS = 40
TAGS = ("1girl", "solo", "blue eyes", "brown hair", "smile", "school uniform", "outdoors", "standing", "long hair")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--counts", type=int, nargs="+", default=[5000, 20000])
    asked.add_argument("--pictures", type=Path, help="where pictures are kept; a temporary folder without")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for count in options.counts:
            folder = (options.pictures or Path(temporary)) / str(count)
            make_pictures(folder, count)
            with tempfile.TemporaryDirectory() as home:
                measure(folder, count, Path(home))


def make_pictures(folder: Path, count: int) -> None:
    """Pictures and captions, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    if len(list(folder.glob("*.jpg"))) == count:
        return
    draw = np.random.default_rng(1)
    contents = []
    for _ in range(DISTINCT):
        small = Image.fromarray(draw.integers(0, 255, (40, 30, 3), dtype=np.uint8))
        small.resize(SIZE, Image.Resampling.BICUBIC).save(folder / "made.jpg", quality=85)
        contents.append((folder / "made.jpg").read_bytes())
    (folder / "made.jpg").unlink()
    for number in range(count):
        (folder / f"{number:05d}.jpg").write_bytes(contents[number % DISTINCT] + number.to_bytes(4, "big"))
        tags = [tag for place, tag in enumerate(TAGS) if number % (place + 2)]
        (folder / f"{number:05d}.txt").write_text(", ".join(tags), encoding="utf-8")


def measure(folder: Path, count: int, home: Path) -> None:
    """Print all figures for one folder."""
    print(f"{count:,} pictures")
    server, address = start(home)
    try:
        before = in_browser(server.pid, address, folder, count)
        with httpx.Client(base_url=address, timeout=600, trust_env=False) as web:
            by_routes(web, folder)
        grown = (psutil.Process(server.pid).memory_info().rss - before) / 2**20
        print(f"  server memory     {grown:8.0f} MiB more")
    finally:
        server.terminate()
        server.wait()


def in_browser(pid: int, address: str, folder: Path, count: int) -> int:
    """The first screen, keys, and pictures in the viewer, as a person has them.

    Returns the server's memory in bytes with the page open and filled, before it has a dataset.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only the tests' packages have it

    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        print("  no browser is installed: the first screen and the keys are not measured")
        return int(psutil.Process(pid).memory_info().rss)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.locator("#train-stamp [data-stamp]").wait_for(state="attached")
        page.locator("#tab-data-button").click()
        page.locator("#studio-path").wait_for()
        before = int(psutil.Process(pid).memory_info().rss)
        for name in ("first screen", "again"):
            page.locator("#studio-path").fill(str(folder))
            began = time.perf_counter()
            page.keyboard.press("Enter")
            page.wait_for_function(
                "count => document.getElementById('studio-count').textContent.includes(count)", arg=f"{count:,}"
            )
            page.wait_for_function(SHOWN)
            print(f"  {name:<17} {time.perf_counter() - began:8.2f} s")
            page.locator("#studio-name").click()
        page.locator("#studio-known .set").first.click()
        page.wait_for_function(SHOWN)
        show("key in the grid", [page.evaluate(KEY) for _ in range(KEYS)])
        page.keyboard.press("Enter")
        page.wait_for_timeout(1000)  # what is beside the picture is on its way
        pictures = []
        for _ in range(KEYS):
            pictures.append(page.evaluate(NEXT))
            page.wait_for_timeout(250)  # as fast as people cull
        show("next picture", pictures)
        browser.close()
    return before


# Whether the dataset is open and every cell in view has its thumbnail.
SHOWN = """() => {
  if (!document.getElementById('studio-grid').offsetParent) return false;
  const cells = [...document.querySelectorAll('#studio-grid .cell')];
  const images = cells.map((cell) => cell.querySelector('img'));
  return cells.length > 4 && images.slice(0, 8).every((one) => one && one.complete && one.naturalWidth);
}"""
# Seconds from a key until one picture more is kept, and the next one is the current one.
KEY = """() => new Promise((done) => {
  const count = () => Number(document.querySelector('#studio-counts .count b').textContent), before = count();
  const began = performance.now();
  const place = document.getElementById('studio-grid');
  const look = () => (count() > before || performance.now() - began > 5000
    ? done((performance.now() - began) / 1000) : requestAnimationFrame(look));
  place.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', bubbles: true, cancelable: true}));
  look();
})"""
# Seconds from a key until the viewer shows another picture, decoded.
NEXT = """() => new Promise((done) => {
  const image = () => document.querySelector('#studio-viewer .stages img');
  const before = image() && image().src, began = performance.now();
  const look = () => {
    const now = image();
    if ((now && now.src !== before && now.complete && now.naturalWidth) || performance.now() - began > 5000)
      done((performance.now() - began) / 1000);
    else requestAnimationFrame(look);
  };
  document.getElementById('studio-viewer').dispatchEvent(
    new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true, cancelable: true}));
  look();
})"""


def by_routes(web: httpx.Client, folder: Path) -> None:
    """Filters, counts of tags, measuring, likeness and a change of all captions, as the server answers them."""
    id = ask(web, "open", path=str(folder))["id"]
    began = time.perf_counter()
    while (measured := ask(web, "side", id=id)["measured"])[0] < measured[1]:
        time.sleep(1)
    print(f"  all measured      {time.perf_counter() - began:8.1f} s after the above")
    timed("filter and order", lambda: ask(web, "list", id=id, filter='tag:"blue eyes" -tag:smile', revision=1))
    timed("counts and tags", lambda: ask(web, "side", id=id, filter=""))
    timed("look-alikes", lambda: ask(web, "groups", id=id))
    timed("tag added to all", lambda: ask(web, "tags", id=id, scope="all", do="add", tag="bench"), 1)
    timed("and taken back", lambda: ask(web, "undo", id=id), 1)


def ask(web: httpx.Client, route: str, **asked: Any) -> dict[str, Any]:
    answer = web.post(f"data/{route}", content=json.dumps(asked)).raise_for_status()
    return dict(answer.json())


def timed(name: str, doing: Any, times: int = 5) -> None:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        doing()
        seconds.append(time.perf_counter() - began)
    show(name, seconds)


def show(name: str, seconds: Sequence[float]) -> None:
    ordered = sorted(seconds)
    print(f"  {name:<17} {1000 * statistics.median(ordered):8.0f} ms, at most {1000 * ordered[-1]:.0f}")


if __name__ == "__main__":
    main()

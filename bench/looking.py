"""What looking at a picture costs: decoding it, faces, people, text; and asking for what was found in many.

The pictures are those of a folder, or photographs that come with scikit-image. Each is looked at a few times after a
first one that loads the models; the median counts. Compare figures of one run with each other; machines differ.

    python bench/looking.py [--pictures FOLDER] [--threads 1]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from train_core.facts.file_cache import revise
from train_core.facts.models.thumbnails import small_picture
from train_core.studio.looking import headers, picture_files
from train_core.studio.vision.faces import faces
from train_core.studio.vision.found import KIND, known
from train_core.studio.vision.looker import SIDE
from train_core.studio.vision.persons import person_box
from train_core.studio.vision.texts import text_boxes

TIMES = 3
MANY = 20_000


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--pictures", type=Path, help="a folder; the photographs of scikit-image without")
    asked.add_argument("--threads", type=int, default=0, help="of OpenCV; as many as there are cores without")
    options = asked.parse_args()
    if options.threads:
        cv2.setNumThreads(options.threads)
    with tempfile.TemporaryDirectory() as home:
        os.environ["CRUCIBLE_HOME"] = home
        look(list(headers(picture_files([options.pictures or photographs()]))))
        ask(Path(home))


def photographs() -> Path:
    found = find_spec("skimage")
    assert found is not None and found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "data"


def look(paths: Sequence[Path]) -> None:
    """Print what each way of looking takes for a picture."""
    pictures = [np.array(small_picture(path, SIDE)) for path in paths]
    print(f"{len(paths)} pictures, at most {SIDE} pixels a side; OpenCV has {cv2.getNumThreads()} threads")
    row("decoding", [median_time(partial(small_picture, path, SIDE)) for path in paths])
    finders: dict[str, Callable[[Any], Any]] = {"faces": faces, "people": person_box, "text": text_boxes}
    for name, find in finders.items():
        begun = time.perf_counter()
        find(pictures[0])
        first = time.perf_counter() - begun
        row(name, [median_time(partial(find, one)) for one in pictures], first)


def median_time(act: Callable[[], Any]) -> float:
    """The median of a few times, in seconds."""
    found = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        act()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def row(name: str, seconds: Sequence[float], first: float | None = None) -> None:
    loading = "" if first is None else f", the first one {first:.2f} s"
    print(f"  {name:10} {1000 * statistics.median(seconds):6.1f} ms, at most {1000 * max(seconds):6.1f} ms{loading}")


def ask(home: Path) -> None:
    """Print what asking for everything that was found takes."""
    folder = home / "many"
    folder.mkdir()
    paths = [folder / f"{number}.png" for number in range(MANY)]
    for path in paths:
        path.touch()
    revise(paths, KIND, lambda *_: '{"faces": [[1, 2, 3, 4, 0.9]], "text": []}', home / "caches" / "files.sqlite")
    begun = time.perf_counter()
    assert len(known(paths)) == MANY
    print(f"  what was found on {MANY:,} pictures: {time.perf_counter() - begun:.2f} s")


if __name__ == "__main__":
    main()

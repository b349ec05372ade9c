"""Draws the mascot's training pictures and their captions: ``python -m demo.make_images [--out DIR]``."""

import argparse
import random
from dataclasses import replace
from pathlib import Path

from demo.world import MASCOT, MASCOT_BACKGROUNDS, MASCOT_TRIGGER, ROBOT, Scene, draw, mascot_caption, placed

COUNT = 16
REPEATS = 30
FOLDER = f"{REPEATS}_{MASCOT_TRIGGER} {ROBOT}"


def mascot_scenes(seed: int = 0) -> list[Scene]:
    """The mascot at ``COUNT`` places and sizes, on its backgrounds in turn."""
    rng = random.Random(seed)
    backgrounds = [MASCOT_BACKGROUNDS[k % len(MASCOT_BACKGROUNDS)] for k in range(COUNT)]
    return [placed(replace(MASCOT, background=background), rng) for background in backgrounds]


def write_images(folder: Path) -> list[Path]:
    """Write NN.png and NN.txt for every scene into a <repeats>_<name> folder in ``folder``; return the pictures."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, scene in enumerate(mascot_scenes(), start=1):
        path = target / f"{number:02}.png"
        draw(scene).save(path, optimize=True)
        path.with_suffix(".txt").write_text(mascot_caption(scene.background) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    images = Path(__file__).parent / "images"
    parser.add_argument("--out", type=Path, default=images, help="where the folder of images goes")
    paths = write_images(parser.parse_args().out)
    print(f"{len(paths)} pictures in {paths[0].parent}")


if __name__ == "__main__":
    main()

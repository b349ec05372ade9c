"""Measures the tagger: ``python -m demo.judge_tagger [FOLDER]`` prints F1 for each tag on pictures it was not shown."""

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demo.tagged import MASCOT_TAG, TAGS, careless_copy, proof_scenes, tags_of_scene
from demo.world import Scene, draw, is_held_out
from train_core.studio.tagging.choosing import Choice, categories_of, chosen
from train_core.studio.tagging.scores import scores_of
from train_core.studio.tagging.wd_files import Tagger, read_tagger
from train_core.studio.tagging.wd_model import WdModel, pixels

TAGGER = Path(__file__).parent / "tagger"
AT_ONCE = 32


@dataclass(frozen=True)
class Marks:
    """How often a tag was given rightly, wrongly and not though it was true."""

    right: int
    wrong: int
    missed: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 for a tag that was never true and never given."""
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)


def tags_given(tagger: Tagger, paths: Sequence[Path]) -> list[set[str]]:
    """The tags that the tool `tag_pictures` gives each picture by its defaults."""
    model, categories, choice = WdModel(tagger), categories_of(tagger), Choice(spaces=False, rating=True)
    found: list[set[str]] = []
    for start in range(0, len(paths), AT_ONCE):
        seen = np.stack([pixels(path, model.side) for path in paths[start : start + AT_ONCE]])
        rows = model.scores(seen, AT_ONCE)
        found += [set(chosen(scores_of(tagger, row.tolist()), categories, choice)) for row in rows]
    return found


def marks(given: Sequence[set[str]], true: Sequence[set[str]]) -> dict[str, Marks]:
    """The marks of each tag of the demo."""
    pairs = list(zip(given, true, strict=True))
    return {
        tag: Marks(*(
            sum((tag in one, tag in other) == case for one, other in pairs)
            for case in ((True, True), (True, False), (False, True))
        )) for tag in TAGS
    }  # fmt: skip


def write_pictures(scenes: Sequence[Scene], folder: Path, careless: bool) -> list[Path]:
    """Draw the scenes as the demo's pictures are, or as careless copies of them."""
    rng = random.Random("copies to measure on")
    paths = [folder / f"{number}.png" for number in range(len(scenes))]
    for scene, path in zip(scenes, paths, strict=True):
        picture = draw(scene)
        (careless_copy(picture, rng) if careless else picture).save(path)
    return paths


def measure(tagger: Tagger, scenes: Sequence[Scene], careless: bool) -> tuple[dict[str, Marks], int]:
    """The marks of each tag on pictures of the scenes, and how many pictures got all of their tags and no other."""
    with tempfile.TemporaryDirectory() as folder:
        given = tags_given(tagger, write_pictures(scenes, Path(folder), careless))
    true = [{TAGS[0], *tags_of_scene(scene)} for scene in scenes]
    return marks(given, true), sum(one == other for one, other in zip(given, true, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tagger", type=Path, nargs="?", default=TAGGER, help="folder of a tagger of the demo's tags")
    parser.add_argument("--pictures", type=int, default=4000, help="how many are drawn")
    arguments = parser.parse_args()
    tagger, scenes = read_tagger(arguments.tagger), proof_scenes(arguments.pictures)
    (plain, whole), (careless, whole_copies) = (measure(tagger, scenes, careless) for careless in (False, True))
    print(f"{'tag':20} as drawn  careless copies")
    for tag in TAGS:
        print(f"{tag:20} {plain[tag].f1:8.3f} {careless[tag].f1:16.3f}")
    unseen = sum(map(is_held_out, scenes))
    print(f"{len(scenes)} pictures, {unseen} of combinations that were never shown")
    for title, its, all_right in (("as drawn", plain, whole), ("careless copies", careless, whole_copies)):
        lowest = min(TAGS, key=lambda tag: its[tag].f1)
        print(
            f"{title}: lowest F1 {its[lowest].f1:.3f} ({lowest}), {MASCOT_TAG} {its[MASCOT_TAG].f1:.3f}, "
            f"all tags right on {all_right} of {len(scenes)}"
        )


if __name__ == "__main__":
    main()

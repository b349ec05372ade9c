"""Trains the demo's tagger from nothing on the CPU: ``python -m demo.make_tagger [--out DIR]``."""

import argparse
from pathlib import Path

from demo.recipe_tagger import PICTURES, STEPS, lesson, train_tagger
from demo.tagger_file import save_tagger


def make_tagger(folder: Path, pictures: int, steps: int, seed: int = 0) -> None:
    """Draw, train, and write the tagger's two files into `folder`."""
    drawn = lesson(pictures, seed)
    save_tagger(train_tagger(drawn, steps, seed), drawn.counts, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    own = Path(__file__).parent / "tagger"
    parser.add_argument("--out", type=Path, default=own, help="folder for model.onnx and selected_tags.csv")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="how many pictures to draw")
    parser.add_argument("--steps", type=int, default=STEPS, help="how many batches to train on")
    arguments = parser.parse_args()
    make_tagger(arguments.out, arguments.pictures, arguments.steps)
    print(f"wrote {arguments.out}; python -m demo.judge_tagger measures it")


if __name__ == "__main__":
    main()

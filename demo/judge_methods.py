"""What each training method learns on the demo, in numbers: how often the judge accepts the mascot, or how far the
held-out loss falls; and what regularisation images save of the class.

`dreambooth`, `fine-tuning` and `embedding` draw 32 prompts of the mascot with what was trained, through diffusers, and
ask the judge; `hypernetwork` compares the loss on held-out pictures with the base model's, which a run measures whose
steps move nothing.

`regularisation` trains DreamBooth with and without regularisation images, so that both see the mascot equally often. A
class that is not protected takes on the mascot's looks. So it counts how often a robot is the mascot where nobody
asked for that: in prompts without the trigger word; how often it is where it was asked for; and how often robots of
other colours are drawn as asked. Of several seeds the mean is printed as well.

    python -m demo.judge_methods [dreambooth] [fine-tuning] [embedding] [hypernetwork] [regularisation] [--seeds 0 1 2]
                                  [--set name=value …]

Each training takes one to five minutes on two processor cores. `--set` changes settings of the trainings.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

from demo.base_file import load_pipeline
from demo.judge_base import BASE, held_out_scenes, judge_mascot, judge_obedience
from demo.world import ROBOT, all_scenes, draw, is_held_out, mascot_caption, placed
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import program_presets_dir, runs_dir
from train_core.jobs.start import start_job

PROMPTS = 32
FEW = 12  # of each kind, where there are six kinds
Figures = dict[str, float]  # what was measured, by what it is of
PRESET = program_presets_dir() / "lora" / "demo.json"
MASCOT = "the mascot in its prompts"
PLAIN = {"sample_prompts": "", "sample_at_first": False, "use_cpu": True, "output_name": "measured"}
# What suits each method on the demo's small base.
SETTINGS: dict[str, dict[str, Any]] = {
    "dreambooth": {"training_method": "DreamBooth", "learning_rate": 2e-4, "max_train_epochs": 3},
    "fine-tuning": {"training_method": "fine-tuning", "learning_rate": 2e-4, "max_train_epochs": 3},
    "embedding": {
        "training_method": "textual inversion", "token_string": "cruxbot", "num_vectors_per_token": 4,
        "init_word": "robot", "learning_rate": 1e-2, "max_train_epochs": 16,
    },
    "hypernetwork": {
        "training_method": "hypernetwork", "learning_rate": 5e-4, "max_train_epochs": 2, "validation_split": 0.25,
        "validate_every_n_epochs": 2,
    },
    # The base model passes over words that it does not know: above all its text encoder has to learn the trigger word.
    "regularisation": {
        "training_method": "DreamBooth", "learning_rate": 2e-4, "text_encoder_lr": 5e-4, "train_batch_size": 4,
        "max_train_epochs": 2,
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*MEASURES, []], help="all of them without")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", nargs="*", default=[], metavar="name=value", dest="changes")
    asked = parser.parse_args()
    changes = dict(one.split("=", 1) for one in asked.changes)
    for name in asked.what or list(MEASURES):
        found = []
        for seed in asked.seeds:
            with tempfile.TemporaryDirectory() as folder:
                found.append(MEASURES[name](Path(folder), {**changes, "seed": seed}))
            show(f"{name}, seed {seed}", found[-1])
        if len(found) > 1:
            show(f"{name}, mean", {what: fmean(one[what] for one in found) for what in found[0]})


def show(title: str, figures: Figures) -> None:
    print(f"{title}:", "; ".join(f"{what} {figure:.3f}" for what, figure in figures.items()), flush=True)


def trained(folder: Path, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events of a training on the demo with these settings, in a home of its own within `folder`."""
    os.environ["CRUCIBLE_HOME"] = str(folder / "home")
    values = {**PLAIN, "output_dir": str(folder / "out"), **settings}
    with redirect_stdout(sys.stderr):
        if start_job(TrainConfig, PRESET, {name: str(value) for name, value in values.items()}):
            raise SystemExit("The training failed; see above.")
    (run,) = runs_dir().iterdir()
    return [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]


def judged_model(method: str) -> Callable[[Path, Mapping[str, Any]], Figures]:
    """A measure: the mascot drawn by a whole model that `method` has trained."""

    def measure(folder: Path, changes: Mapping[str, Any]) -> Figures:
        events = trained(folder, {**SETTINGS[method], **changes})
        return {MASCOT: judge_mascot(load_pipeline(Path(events[-1]["path"])), PROMPTS).share}

    return measure


def judged_embedding(folder: Path, changes: Mapping[str, Any]) -> Figures:
    """The mascot drawn by the base model with a new word before its captions, as it was trained."""
    settings = {**SETTINGS["embedding"], **changes}
    word = str(settings["token_string"])
    events = trained(folder, settings)
    pipeline = load_pipeline(BASE)
    pipeline.load_textual_inversion(events[-1]["path"], token=word)
    return {MASCOT: judge_mascot(pipeline, PROMPTS, lambda background: f"{word}, {mascot_caption(background)}").share}


def held_out_loss(folder: Path, changes: Mapping[str, Any]) -> Figures:
    """The loss on held-out pictures with a hypernetwork, over the base model's own."""
    settings = {**SETTINGS["hypernetwork"], **changes}
    learnt = _last_validation(trained(folder / "learnt", settings))
    still = _last_validation(trained(folder / "still", {**settings, "learning_rate": 1e-30}))
    return {"held-out loss": learnt, "of the base model's": learnt / still}


def _last_validation(events: list[dict[str, Any]]) -> float:
    return float([event for event in events if event["kind"] == "validation"][-1]["loss"])


def protected_class(folder: Path, changes: Mapping[str, Any]) -> Figures:
    """What becomes of robots in general, of the mascot and of other robots, without and with regularisation images."""
    regular = folder / "regular"
    write_class_images(regular / f"1_{ROBOT}")
    others = [scene for scene in held_out_scenes(4 * FEW) if scene.thing == ROBOT][:FEW]
    figures = {}
    for name, more in (("without", {}), ("with", {"reg_data_dir": str(regular)})):
        events = trained(folder / name, {**SETTINGS["regularisation"], **changes, **more})
        pipeline = load_pipeline(Path(events[-1]["path"]))
        figures |= {
            f"{name}, the mascot where any robot was asked for": judge_mascot(pipeline, FEW, class_caption).share,
            f"{name}, {MASCOT}": judge_mascot(pipeline, FEW).share,
            f"{name}, other robots as asked": judge_obedience(pipeline, others).share,
        }
    return figures


def class_caption(background: str) -> str:
    """The mascot's caption without its trigger word."""
    return f"{ROBOT}, {background} background"


def write_class_images(folder: Path, count: int = 160) -> None:
    """Draw robots where and as large as the base knows them, captioned like the mascot but without its trigger word.

    Whatever the base would never draw would be learnt as well: at another size it errs three times as much.
    """
    folder.mkdir(parents=True)
    rng = random.Random(0)
    robots = [scene for scene in all_scenes() if scene.thing == ROBOT and not is_held_out(scene)]
    for number, scene in enumerate(rng.sample(robots, count)):
        draw(placed(scene, rng)).save(folder / f"{number:04d}.png")
        (folder / f"{number:04d}.txt").write_text(class_caption(scene.background) + "\n", "utf-8")


MEASURES: dict[str, Callable[[Path, Mapping[str, Any]], Figures]] = {
    "dreambooth": judged_model("dreambooth"), "fine-tuning": judged_model("fine-tuning"),
    "embedding": judged_embedding, "hypernetwork": held_out_loss, "regularisation": protected_class,
}  # fmt: skip

if __name__ == "__main__":
    main()

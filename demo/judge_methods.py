"""What each training method learns on the demo, in numbers: how often the judge accepts the mascot, or how far the
held-out loss falls; and what regularisation images save of the class.

`dreambooth`, `fine-tuning` and `embedding` draw 32 prompts of the mascot with what was trained, through diffusers, and
ask the judge; `hypernetwork` compares the loss on held-out pictures with the base model's, which a run measures whose
steps move nothing; `regularisation` trains DreamBooth on every seed with and without regularisation images, and prints
how often robots that are not the mascot are still drawn as asked, and how often the mascot is.

    python -m demo.judge_methods [dreambooth] [fine-tuning] [embedding] [hypernetwork] [regularisation] [--seeds 0 1 2]
                                  [--set name=value …]

Each training takes one to five minutes on two processor cores. `--set` changes settings of the trainings.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from demo.base_file import load_pipeline
from demo.judge import is_mascot, obeys
from demo.judge_base import BASE, draw_prompts, held_out_scenes, judge_mascot
from demo.world import MASCOT_BACKGROUNDS, ROBOT, all_scenes, caption, draw, is_held_out, mascot_caption
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import program_presets_dir, runs_dir
from train_core.jobs.start import start_job

PROMPTS = 32
PRESET = program_presets_dir() / "lora" / "demo.json"
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
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*MEASURES, []], help="all of them without")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", nargs="*", default=[], metavar="name=value", dest="changes")
    asked = parser.parse_args()
    changes = dict(one.split("=", 1) for one in asked.changes)
    for name in asked.what or list(MEASURES):
        for seed in asked.seeds:
            with tempfile.TemporaryDirectory() as folder:
                print(f"{name}, seed {seed}: {MEASURES[name](Path(folder), {**changes, 'seed': seed})}", flush=True)


def trained(folder: Path, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events of a training on the demo with these settings, in a home of its own within `folder`."""
    os.environ["CRUCIBLE_HOME"] = str(folder / "home")
    values = {**PLAIN, "output_dir": str(folder / "out"), **settings}
    with redirect_stdout(sys.stderr):
        if start_job(TrainConfig, PRESET, {name: str(value) for name, value in values.items()}):
            raise SystemExit("The training failed; see above.")
    (run,) = runs_dir().iterdir()
    return [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]


def judged_model(method: str) -> Callable[[Path, Mapping[str, Any]], str]:
    """A measure: the mascot drawn by a whole model that `method` has trained."""

    def measure(folder: Path, changes: Mapping[str, Any]) -> str:
        events = trained(folder, {**SETTINGS[method], **changes})
        share = judge_mascot(load_pipeline(Path(events[-1]["path"])), PROMPTS).share
        return f"the mascot in {share:.0%} of its prompts"

    return measure


def judged_embedding(folder: Path, changes: Mapping[str, Any]) -> str:
    """The mascot drawn by the base model with a new word before its captions, as it was trained."""
    settings = {**SETTINGS["embedding"], **changes}
    word = str(settings["token_string"])
    events = trained(folder, settings)
    pipeline = load_pipeline(BASE)
    pipeline.load_textual_inversion(events[-1]["path"], token=word)
    backgrounds = [MASCOT_BACKGROUNDS[k % len(MASCOT_BACKGROUNDS)] for k in range(PROMPTS)]
    pictures = draw_prompts(pipeline, [f"{word}, {mascot_caption(name)}" for name in backgrounds], seed=1000)
    right = [is_mascot(*pair) for pair in zip(pictures, backgrounds, strict=True)]
    return f"the mascot in {sum(right) / len(right):.0%} of its prompts"


def held_out_loss(folder: Path, changes: Mapping[str, Any]) -> str:
    """The loss on held-out pictures with a hypernetwork, over the base model's own."""
    settings = {**SETTINGS["hypernetwork"], **changes}
    learnt = _last_validation(trained(folder / "learnt", settings))
    still = _last_validation(trained(folder / "still", {**settings, "learning_rate": 1e-30}))
    return f"held-out loss {learnt:.4f}, {learnt / still:.3f} of the base model's"


def _last_validation(events: list[dict[str, Any]]) -> float:
    return float([event for event in events if event["kind"] == "validation"][-1]["loss"])


def protected_class(folder: Path, changes: Mapping[str, Any]) -> str:
    """Robots that are not the mascot, drawn as asked after DreamBooth with and without regularisation images."""
    regular = folder / "regular"
    write_class_images(regular / f"1_{ROBOT}")
    said = []
    for name, more in (("without", {}), ("with", {"reg_data_dir": str(regular)})):
        settings = {**SETTINGS["dreambooth"], **changes, **more}
        pipeline = load_pipeline(Path(trained(folder / name, settings)[-1]["path"]))
        scenes = [scene for scene in held_out_scenes(4 * PROMPTS) if scene.thing == ROBOT][:PROMPTS]
        pictures = draw_prompts(pipeline, [caption(scene) for scene in scenes])
        kept = [obeys(*pair) for pair in zip(pictures, scenes, strict=True)]
        said.append(
            f"{name} regularisation images: other robots {sum(kept) / len(kept):.0%}, "
            f"the mascot {judge_mascot(pipeline, PROMPTS).share:.0%}"
        )
    return "; ".join(said)


def write_class_images(folder: Path, count: int = 64) -> None:
    """Draw robots of the base's world, every one in other colours, each with its caption."""
    folder.mkdir(parents=True)
    robots = [scene for scene in all_scenes() if scene.thing == ROBOT and not is_held_out(scene)]
    order = torch.randperm(len(robots), generator=torch.Generator().manual_seed(0)).tolist()
    for number in order[:count]:
        draw(robots[number]).save(folder / f"{number:04d}.png")
        (folder / f"{number:04d}.txt").write_text(caption(robots[number]) + "\n", "utf-8")


MEASURES: dict[str, Callable[[Path, Mapping[str, Any]], str]] = {
    "dreambooth": judged_model("dreambooth"), "fine-tuning": judged_model("fine-tuning"),
    "embedding": judged_embedding, "hypernetwork": held_out_loss, "regularisation": protected_class,
}  # fmt: skip

if __name__ == "__main__":
    main()

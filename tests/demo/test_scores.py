"""Scores on the demo: an over-trained run is seen through, a good one is not blamed, the base judges what it knows."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from demo.judge_base import BASE
from demo.make_images import FOLDER
from demo.world import MASCOT, MASCOT_BACKGROUNDS, SIZE, Scene, draw, mascot_caption, placed
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.scoring import Score
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir, program_presets_dir
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.model import ModelSettings
from train_core.data.heldout import measured_folder
from train_core.diffusion.processes import process_of
from train_core.facts.scores.measures import gains
from train_core.facts.scores.scores import Scores, read_scores
from train_core.facts.scores.tags import Swaps
from train_core.facts.scores.verdict import Verdict, verdict_of
from train_core.jobs.start import start_job
from train_core.models.load import load_family
from train_core.run.model_inputs import ModelInputs
from train_core.scoring.judging import Judge, known_tags
from train_core.scoring.measuring import Conditioned, Measurer, opened

PRESET = program_presets_dir() / "lora" / "demo.json"
FOREIGN = (
    "red robot, blue background", "green robot, yellow background", "blue robot, white background",
    "pink robot, black background", "yellow robot, red hat, green background",
    "white robot, blue belly, pink background",
)  # fmt: skip


def scenes(folder: Path, wanted: Sequence[tuple[Scene, str]]) -> Path:
    """A folder with pictures of scenes at places of their own, and their captions."""
    folder.mkdir(parents=True)
    rng = random.Random(77)
    for number, (scene, caption) in enumerate(wanted):
        draw(placed(scene, rng)).save(folder / f"{number:02d}.png")
        (folder / f"{number:02d}.txt").write_text(caption, encoding="utf-8")
    return folder


def mascots(count: int) -> list[tuple[Scene, str]]:
    grounds = [MASCOT_BACKGROUNDS[number % len(MASCOT_BACKGROUNDS)] for number in range(count)]
    return [(replace(MASCOT, background=ground), mascot_caption(ground)) for ground in grounds]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("scores")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRUCIBLE_HOME", str(place / "home"))
        yield place


def trained(home: Path, name: str, pictures: Sequence[int], repeats: int, epochs: int, schedule: str) -> Path:
    """The folder of the images of a run on some of the demo's pictures."""
    images = home / name / f"{repeats}_crux robot"
    images.mkdir(parents=True)
    for number in pictures:
        for ending in ("png", "txt"):
            shutil.copy(app_dir() / "demo" / "images" / FOLDER / f"{number:02d}.{ending}", images)
    given = {
        "train_data_dir": home / name, "output_dir": home / "out", "output_name": name, "max_train_epochs": epochs,
        "train_batch_size": 2, "lr_scheduler": schedule, "sample_prompts": "", "sample_at_first": False,
        "save_every_n_epochs": 1, "mixed_precision": "no", "use_cpu": True,
    }  # fmt: skip
    assert start_job(TrainConfig, PRESET, {key: str(value) for key, value in given.items()}) == 0
    return home / name


def scored(home: Path, name: str, images: Path, **settings: Any) -> tuple[Scores, Verdict]:
    held_out = home / "held"
    if not held_out.exists():
        scenes(held_out, mascots(8))
    given = {
        "score_model": BASE, "score_files": "\n".join(map(str, sorted((home / "out").glob(f"{name}*.safetensors")))),
        "score_held_out": held_out, "score_trained": images, "score_trigger": "crux", "score_class": "robot",
        "score_foreign": "\n".join(FOREIGN), "score_resolution": SIZE, "score_steps": 20, "score_scale": 5,
        "score_to": home / "scores" / name, "score_on_cpu": True, **settings,
    }  # fmt: skip
    assert start_job(Score, None, {key: str(value) for key, value in given.items()}) == 0
    found = read_scores(home / "scores" / name / "scores.json")
    return found, verdict_of(found)


@pytest.mark.slow
def test_of_four_pictures_over_twelve_epochs_the_last_is_not_chosen_and_both_faults_are_named(home: Path) -> None:
    images = trained(home, "four", (1, 5, 9, 13), 12, 12, "constant")
    scores, verdict = scored(home, "four", images, score_weights="0.5, 1")
    assert verdict.chosen and verdict.chosen != ("four.safetensors", 1.0)
    assert {"fault_gap", "fault_spill"} <= {one.code for one in verdict.reasons}
    assert "advice_more_pictures" in {one.code for one in verdict.advice}

    good, last = verdict.chosen, ("four.safetensors", 1.0)
    files = "\n".join(str(home / "out" / name) for name in (good[0], last[0]))
    again, _ = scored(home, "four", images, score_files=files, score_weights="0.5, 1", score_seed=1)
    gained = [
        {point.key: gains(one.base.losses["held_out"], point.losses["held_out"]).mean() for point in one.points}
        for one in (scores, again)
    ]
    assert gained[0][good] != gained[1][good]
    assert all(one[good] > one[last] for one in gained)


@pytest.mark.slow
def test_of_sixteen_pictures_over_four_epochs_nothing_is_blamed(home: Path) -> None:
    images = trained(home, "sixteen", range(1, 17), 3, 4, "cosine")
    _, verdict = scored(home, "sixteen", images)
    assert verdict.chosen
    assert not [one.code for one in (*verdict.reasons, *verdict.advice) if one.code.startswith(("fault", "advice"))]


def test_the_base_knows_a_heart_and_not_the_trigger(home: Path) -> None:
    hearts = [(Scene("heart", colour, "white"), "heart, white background") for colour in ("red", "blue", "green")]
    wanted = [*hearts, *((scene, caption.replace("crux robot", "crux, robot")) for scene, caption in mascots(3))]
    folder = scenes(home / "probe", wanted)
    family = load_family(ModelSettings(pretrained_model_name_or_path=str(BASE)), torch.float32)
    settings = DataSettings().with_values({"resolution": str(SIZE), "min_bucket_reso": 64})
    pictures = opened(measured_folder(settings, str(folder), 0, 0), family, torch.device("cpu"), 4, 0, lambda *_: None)
    captions = [picture.caption for picture in pictures.pictures]
    swaps = Swaps.among(captions, (), 0)
    measurer = Measurer(ModelInputs(family, process_of(family, LossSettings()), torch.float32), 0)
    judge = Judge(measurer, Conditioned(family), lambda more: None)
    found = judge.tags(pictures, captions, [swaps.of(caption) for caption in captions])
    known = known_tags(found, 0)
    assert known["heart"] and not known["crux"]

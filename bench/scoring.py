"""Processor time of scoring files on the demo, against that of drawing sample pictures with its base.

Both in one process, one thread, in turns. The files are random LoRAs with the layers of the demo's preset; 8 held-out
and 8 trained pictures, and the foreign pictures that scoring has by default, which it draws each time.

    python bench/scoring.py [--files 10] [--pictures 30] [--rounds 1] [--profile scores.prof]
"""

from __future__ import annotations

import argparse
import cProfile
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from train_core.config.jobs.drawing import DrawPictures
from train_core.config.jobs.scoring import Score
from train_core.config.places import app_dir
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import NetworkSettings
from train_core.jobs.start import start_job
from train_core.models.load import load_family
from train_core.networks.files.adapter_file import save_adapter
from train_core.networks.starting import adapter_of

DEMO = app_dir() / "demo"
BASE, SIZE = DEMO / "base" / "crucible-demo-base.safetensors", 128
WEIGHTS, PICTURES, STEPS = "0.6, 0.8, 1", 8, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--pictures", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--profile", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        os.environ["CRUCIBLE_HOME"] = str(home / "home")
        make(home, given.files)
        for number in range(given.rounds):
            drawing = seconds(partial(draw, home / f"drawn {number}", given.pictures))
            scoring = seconds(partial(score, home, home / f"scores {number}"), given.profile)
            print(
                f"scoring {given.files} files x 3 weights {scoring:7.1f} s   drawing {given.pictures} pictures "
                f"{drawing:7.1f} s   ratio {scoring / drawing:5.2f}",
                flush=True,
            )


def seconds(work: Callable[[], None], profile: Path | None = None) -> float:
    """Processor seconds that `work` takes, whose calls are written to `profile`."""
    began = time.process_time()
    if profile is None:
        work()
    else:
        with cProfile.Profile() as profiler:
            work()
        profiler.dump_stats(profile)
    return time.process_time() - began


def make(home: Path, files: int) -> None:
    """Write `files` random adapters, and folders of held-out and of trained pictures."""
    family = load_family(ModelSettings(pretrained_model_name_or_path=str(BASE)), torch.float32)
    network = NetworkSettings(network_dim=16, network_alpha=16)
    for number in range(1, files + 1):
        adapter = adapter_of(family.targets(), network, AlgorithmSettings(), family, number)
        generator = torch.Generator().manual_seed(number)
        for parameter in adapter.parameters():
            parameter.data += 0.01 * torch.randn(parameter.shape, generator=generator)
        save_adapter(home / f"crux-{number:06d}.safetensors", adapter.state_dict_for_file(torch.float16), {})
    for number, picture in enumerate(sorted(DEMO.glob("images/*/*.png"))[: 2 * PICTURES]):
        folder = home / ("held" if number % 2 else "trained")
        folder.mkdir(exist_ok=True)
        for path in (picture, picture.with_suffix(".txt")):
            shutil.copy(path, folder)


def draw(to: Path, pictures: int) -> None:
    """Draw sample pictures with the base alone."""
    run(DrawPictures, {
        "draw_model": BASE, "draw_prompts": "red heart, white background", "draw_seed": 1, "draw_resolution": SIZE,
        "draw_steps": STEPS, "draw_count": pictures, "draw_to": to, "draw_on_cpu": True,
    })


def score(home: Path, to: Path) -> None:
    """Score all files at three weights."""
    run(Score, {
        "score_model": BASE, "score_files": "\n".join(map(str, sorted(home.glob("*.safetensors")))),
        "score_weights": WEIGHTS, "score_held_out": home / "held", "score_trained": home / "trained",
        "score_trigger": "crux", "score_class": "robot", "score_resolution": SIZE,
        "score_to": to, "score_on_cpu": True,
    })


def run(job: type[DrawPictures | Score], settings: dict[str, object]) -> None:
    """Run a tool without what it prints. Raises RuntimeError where it fails."""
    said = StringIO()
    with redirect_stdout(said):
        ended = start_job(job, None, {name: str(value) for name, value in settings.items()})
    if ended != 0:
        raise RuntimeError(said.getvalue())


if __name__ == "__main__":
    main()

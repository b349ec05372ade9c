"""Time from the command to the first step, and a run's memory, on a full-size model.

Writes a model with random weights (fp16, original layout; 2 GB for SD 1.5) and a picture to a temporary folder, starts
the training job through the launcher as a user would, and reads the times from its events. The file is in the
system's cache by then, as a model that was used before is.

    python bench/first_step.py [--kind sd1|sd2|sdxl] [--model FILE] [--steps 3] [--resolution 256] [--device cpu|cuda]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from PIL import Image


def write_model(kind: str, path: Path) -> None:
    """A full-size model with random weights. torch stays out of this process while the job runs: a child makes it."""
    import subprocess  # noqa: PLC0415

    command = [sys.executable, "-m", "bench.random_model", kind, str(path)]
    subprocess.run(command, check=True, cwd=Path(__file__).resolve().parents[1])


class PeakMemory(threading.Thread):
    """Samples the memory of a process and its children; `peak` is in bytes (shared pages count once a process)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0

    def run(self) -> None:
        try:
            parent = psutil.Process(self.pid)
            while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
                tree = [parent, *parent.children(recursive=True)]
                self.peak = max(self.peak, sum(process.memory_info().rss for process in tree))
                time.sleep(0.05)
        except psutil.NoSuchProcess:
            return  # the job has ended, or a child between two looks


def main() -> None:
    """Print the seconds to each stage and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=("sd1", "sd2", "sdxl"), default="sd1")
    parser.add_argument("--model", type=Path, help="a full-size file; one of --kind is made when not given")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CRUCIBLE_HOME"] = str(folder / "home")
        model = args.model or folder / f"{args.kind}.safetensors"
        if not args.model:
            write_model(args.kind, model)
        images = folder / "images" / "10_bench"
        images.mkdir(parents=True)
        Image.effect_noise((args.resolution, args.resolution), 60).convert("RGB").save(images / "0.png")
        measure(folder, model, args)


def measure(folder: Path, model: Path, args: argparse.Namespace) -> None:
    """Start the job and print what its events say."""
    from kohya_gui.runs.launch import start  # noqa: PLC0415 - CRUCIBLE_HOME must be set before
    from train_core.config.files import check_values  # noqa: PLC0415
    from train_core.config.jobs.train import TrainConfig  # noqa: PLC0415
    from train_core.events.kinds import ErrorEvent, Finished, Progress, Stage, Started  # noqa: PLC0415
    from train_core.events.reading import Follower  # noqa: PLC0415

    config = check_values(
        {
            "pretrained_model_name_or_path": str(model), "train_data_dir": str(folder / "images"),
            "output_dir": str(folder / "out"), "resolution": str(args.resolution), "network_dim": 32,
            "max_train_epochs": 0, "max_train_steps": args.steps, "optimizer_type": "AdamW",
            "use_cpu": args.device == "cpu",
        },
        "the benchmark", {},
    ).config
    started = time.time()
    handle = start(TrainConfig, config)
    memory = PeakMemory(handle.process.pid)
    memory.start()
    follower = Follower(handle.folder / "events.jsonl")
    finished = False
    while not finished:
        time.sleep(0.05)
        for event in follower.new():
            if isinstance(event, Stage | Progress | Started | ErrorEvent | Finished):
                said = [str(getattr(event, name, "")) for name in ("name", "step", "text")]
                print(f"{(event.time or 0) - started:6.1f} s  {event.kind} {' '.join(said)}", flush=True)
            finished = finished or isinstance(event, Finished)
    print(f"peak memory of the job and its launcher: {memory.peak / 1e9:.2f} GB")


if __name__ == "__main__":
    main()

"""Jobs that stand in for training in these tests: they write events, listen to requests, or say where they are."""

from __future__ import annotations

import json
import os
import sys
import time
import tomllib
from pathlib import Path

from PIL import Image

from tests.event_lines import EventLog
from train_core.config.files import read_config
from train_core.config.problems import problem
from train_core.events.requests import take_requests


def main() -> None:
    mode, folder = sys.argv[1], Path(sys.argv[sys.argv.index("--config_file") + 1]).parent
    {
        "train": training, "short": short, "paint": paint, "world": world, "crash": crash, "deaf": deaf,
        "find_rate": find_rate, "warn": warn, "try": try_out,
    }[mode](folder)  # fmt: skip


def training(folder: Path) -> None:
    """Runs until it is stopped, or for as many steps as the file `steps` says."""
    steps = int((folder / "steps").read_text()) if (folder / "steps").exists() else 10_000
    log = EventLog(folder / "events.jsonl")
    log.write("started", pid=os.getpid(), total_steps=steps, epochs=1, seed=0)
    for step in range(1, steps + 1):
        if "stop" in take_requests(folder):
            log.write("ack", request="stop")
            log.write("saved", path=str(folder / f"x-step{step}.safetensors"), step=step, epoch=1, final=False)
            log.write("finished", status="stopped", path="")
            return
        log.write(
            "progress",
            step=step,
            total_steps=steps,
            epoch=1,
            epochs=1,
            loss=1 / step,
            average=1 / step,
            lr={"unet": 1e-4},
        )
        time.sleep(0.02)
    log.write("saved", path=str(folder / "x.safetensors"), step=steps, epoch=1, final=True)
    log.write("finished", status="completed", path=str(folder / "x.safetensors"))


def short(folder: Path) -> None:
    """Three steps."""
    (folder / "steps").write_text("3")
    training(folder)


def warn(folder: Path) -> None:
    """Warns as a real job does, of what it finds in its settings and of something else, and ends."""
    log = EventLog(folder / "events.jsonl")
    for found in (*read_config(folder / "config.toml").warnings, problem("other", "found by the job alone")):
        log.write("warning", code=found.code, text=found.text, params={})
    log.write("finished", status="completed", path="")


def try_out(folder: Path) -> None:
    """Tells at once what it has found."""
    log = EventLog(folder / "events.jsonl")
    log.write("started", pid=os.getpid(), total_steps=10, epochs=1, seed=0)
    log.write(
        "tried", work="0123456789abcdef", device="cpu", card="", steps=8, seconds_per_step=1.5, peak_memory=2**30,
        total_steps=100, pictures=0, seconds=160.0, free_memory=2**32, total_memory=2**33, holders={}, batch_size=1,
        largest_batch=4, largest_was_done=True, values={"train_batch_size": 4},
    )
    log.write("finished", status="completed", path=None, step=10)


def find_rate(folder: Path) -> None:
    """Tells a rate at once."""
    log = EventLog(folder / "events.jsonl")
    log.write("rate_found", rate=2e-4, suggestions={"AdamW8bit": {"unet_lr": 2e-4, "text_encoder_lr": 1e-4}})
    log.write("finished", status="completed", path=None, step=9)


def paint(folder: Path) -> None:
    """Draws two pictures and writes a result where the settings ask for it."""
    settings = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))["output"]
    output = Path(settings["output_dir"])
    (output / "sample").mkdir(parents=True, exist_ok=True)
    log = EventLog(folder / "events.jsonl")
    log.write("started", pid=os.getpid(), total_steps=4, epochs=1)
    for step in (0, 4):
        picture = output / "sample" / f"{settings['output_name']}-{step}.png"
        Image.new("RGB", (16, 16), "red").save(picture)
        log.write("sample", path=str(picture), prompt="a fox", index=0, step=step, epoch=step // 4, seed=1)
    result = output / f"{settings['output_name']}.safetensors"
    result.touch()
    log.write("finished", status="completed", path=str(result))


def world(folder: Path) -> None:
    """Writes what accelerate makes of its surroundings in this process, and ends."""
    import torch  # noqa: PLC0415 - the other jobs start faster without
    from accelerate import Accelerator  # noqa: PLC0415

    accelerator = Accelerator()
    found = {
        "world": accelerator.num_processes,
        "rank": accelerator.process_index,
        "device": str(accelerator.device),
        "mixed_precision": accelerator.mixed_precision,
        "dynamo": str(accelerator.state.dynamo_plugin.backend.value),
        "threads": torch.get_num_threads(),
        "offline": os.environ.get("HF_HUB_OFFLINE"),
        "utf8": sys.flags.utf8_mode,
    }
    (folder / f"world-{accelerator.process_index}.json").write_text(json.dumps(found))
    accelerator.end_training()


def crash(folder: Path) -> None:
    """Ends as a job does that cannot even write an event."""
    print("Lädt …\n", flush=True)
    sys.exit("out of memory")


def deaf(folder: Path) -> None:
    """Never listens to requests."""
    EventLog(folder / "events.jsonl").write("started", pid=os.getpid(), total_steps=1, epochs=1)
    time.sleep(600)


if __name__ == "__main__":
    main()

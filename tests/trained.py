"""A training of the past as it lies on the drive, without having been trained."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from tests.event_lines import EventLog
from tests.pictures import image_folder
from train_core.config.files import write_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir

COLOURS = ("red", "green", "blue")
PROMPTS = ("a red fox", "an <b>owl</b> & more")
STEPS_PER_EPOCH = 10


def trained_run(name: str, place: Path, status: str = "completed", epochs: int = 3, **flat: object) -> Path:
    """The folder of a run `name` with epochs of 10 steps; `place` gets its images in `images`, its files in `out`.

    Each epoch has a file and a sample picture for each of two prompts; with the status "" the run has no end yet.
    """
    title, out = name[16:], place / "out"
    folder = runs_dir() / name
    folder.mkdir(parents=True)
    (out / "sample").mkdir(parents=True, exist_ok=True)
    if not (place / "images").exists():
        image_folder(place / "images", "1_fox", [(64, 48), (48, 64)], "a fox")
    write_toml(folder / "config.toml", TrainConfig.from_flat({
        "output_name": title, "output_dir": str(out), "train_data_dir": str(place / "images"), "resolution": "64",
        "pretrained_model_name_or_path": str(place / "base.safetensors"), **flat,
    }))  # fmt: skip
    log = EventLog(folder / "events.jsonl")
    log.write("started", job="train", output_name=title, total_steps=10 * epochs, epochs=epochs, device="cpu",
              versions={"torch": "2.0"})
    for epoch in range(1, epochs + 1):
        train_epoch(folder, place, epoch, epochs)
    if status:
        log.write("finished", status=status, path=str(out / f"{title}-{epochs:06d}.safetensors"))
    log.close()
    (folder / "console.log").write_text(f"started {title}\nWarning: it is warm\nepoch 1\n", encoding="utf-8")
    return folder


def train_epoch(folder: Path, place: Path, epoch: int, epochs: int) -> None:
    """Let the run go through one more epoch."""
    title, out, manifest = folder.name[16:], place / "out", folder / "manifest.json"
    log = EventLog(folder / "events.jsonl")
    for step in range(10 * epoch - 9, 10 * epoch + 1):
        log.write("progress", step=step, total_steps=10 * epochs, epoch=epoch, epochs=epochs, loss=1 / step,
                  average=0.5 / epoch, lr={"unet": 1e-4 / epoch}, speed=2.0, eta=1.0)
    listed = json.loads(manifest.read_text()) if manifest.exists() else []
    _end_epoch(log, listed, out, title, epoch)
    log.write("validation", step=10 * epoch, epoch=epoch, loss=0.25 / epoch, best_step=1, best_loss=0.1)
    log.close()
    manifest.write_text(json.dumps(listed))


def _end_epoch(log: EventLog, listed: list[list[object]], out: Path, title: str, epoch: int) -> None:
    result = out / f"{title}-{epoch:06d}.safetensors"
    result.write_bytes(bytes([epoch]) * (100 * epoch))
    listed.append([str(result), "epoch", 10 * epoch, epoch])
    log.write("saved", path=str(result), step=10 * epoch, epoch=epoch, final=False)
    for index, prompt in enumerate(PROMPTS):
        picture = out / "sample" / f"{title}_e{epoch:06d}_{index:02d}_20260101000000_{index}.png"
        Image.new("RGB", (64, 48), COLOURS[(epoch - 1) % 3]).save(picture)
        log.write("sample", path=str(picture), prompt=prompt, index=index, step=10 * epoch, epoch=epoch, seed=index)

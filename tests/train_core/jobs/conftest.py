"""A tiny training job: four coloured pictures, a tiny random model, a few steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tiny import tiny_file
from train_core.config.files import check_values, write_toml
from train_core.jobs import devices

Prepare = Callable[..., Path]
pytest.register_assert_rewrite("tests.train_core.jobs.effects")  # so that what is asserted there is told in full


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs and caches of a test stay with the test."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def bf16_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny models are quick in bf16 also on processors without it, and results must not depend on the processor."""
    monkeypatch.setattr(devices, "has_bf16", lambda device: True)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two folders with five pictures of two shapes, most with captions."""
    return draw_images(tmp_path / "images")


@pytest.fixture
def prepare(tmp_path: Path, images: Path) -> Prepare:
    """A function that writes a job's TOML, with settings by name, and gives its path."""

    def write(name: str = "job", **values: Any) -> Path:
        return write_job(tmp_path / f"{name}.toml", images, tmp_path / "out", output_name=name, **values)

    return write


def draw_images(folder: Path) -> Path:
    """Make `folder` with "2_zuko dog", three square pictures, and "1_tall cat", two tall ones, most with captions.

    They are the same every time: which are held out follows from what is on them.
    """
    for name, size, count in (("2_zuko dog", (64, 64), 3), ("1_tall cat", (64, 128), 2)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            path = folder / name / f"{number}.png"
            noise = np.random.default_rng([size[1], number]).normal(128, 40 + 30 * number, size[::-1])
            Image.fromarray(noise.clip(0, 255).astype(np.uint8)).convert("RGB").save(path)
            if number:
                path.with_suffix(".txt").write_text(f"zuko dog, tag{number}, other", encoding="utf-8")
    return folder


def write_job(path: Path, images: Path, output_dir: Path, /, **values: Any) -> Path:
    """Write the TOML of a job that trains the tiny model on `images`, with settings by name; gives `path`."""
    settings = {
        "pretrained_model_name_or_path": str(tiny_file()), "train_data_dir": str(images),
        "output_dir": str(output_dir), "resolution": "64", "bucket_reso_steps": 64,
        "network_dim": 4, "network_alpha": 4, "max_train_epochs": 2, "train_batch_size": 2,
        "optimizer_type": "AdamW", "learning_rate": 1e-3, "mixed_precision": "no", "save_precision": "float",
        "lr_scheduler": "constant", "use_cpu": True, "seed": 5, **values,
    }  # fmt: skip
    write_toml(path, check_values(settings, "the test", {}).config)
    return path

"""Pictures so narrow that their latents become one wide teach a run in bf16 the same finite numbers each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.train_core.jobs.conftest import write_job
from tests.train_core.jobs.test_train import kinds, run, tensor_bytes, weights

pytestmark = pytest.mark.usefixtures("filled_memory")


@pytest.mark.parametrize(
    "settings",
    [{"conv_dim": 4}, {"LoRA_type": "LoHa", "LyCORIS_preset": "full", "conv_dim": 2},
     {"LoRA_type": "Full", "LyCORIS_preset": "full"}],
)  # fmt: skip
def test_two_runs_on_narrow_pictures_end_with_the_same_finite_bytes(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    folder = tmp_path / "narrow" / "1_pole"
    folder.mkdir(parents=True)
    for number in range(4):
        Image.effect_noise((32, 128), 50 + 40 * number).convert("RGB").save(folder / f"{number}.png")
    narrow = {"bucket_reso_steps": 32, "min_bucket_reso": 32, "mixed_precision": "bf16", "max_train_epochs": 2}
    ends = []
    for name in ("first", "second"):
        config = write_job(
            tmp_path / f"{name}.toml", folder.parent, tmp_path / name, output_name="pole", metadata_depth="minimal",
            **narrow, **settings,
        )  # fmt: skip
        events = run(config)
        assert not {"gradient_not_finite", "loss_not_finite"} & {e["code"] for e in kinds(events, "warning")}
        assert all(bool(torch.isfinite(tensor).all()) for tensor in weights(events).values())
        ends.append(tensor_bytes(events))
    assert ends[0] == ends[1]

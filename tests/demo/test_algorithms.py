"""Every algorithm learns on the demo: images that it does not train on are predicted better than by the base model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.event_lines import read_events
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import program_presets_dir, runs_dir
from train_core.jobs.start import start_job
from train_core.networks.algorithms.names import ALGORITHMS

PRESET = program_presets_dir() / "lora" / "demo.json"
STEPS = 30
# Where the demo's own rate is not the algorithm's.
RATES: dict[str, float] = {"IA3": 2e-2, "Full": 2e-4, "Diag-OFT": 2e-3, "BOFT": 3e-4}
FORMS: dict[str, dict[str, Any]] = {
    **{name: {"LoRA_type": name} for name in ALGORITHMS},
    "IA3": {"LoRA_type": "IA3", "LyCORIS_preset": "ia3"}, "LoCon": {"conv_dim": 8}, "DoRA": {"dora_wd": True},
    "norms": {"LoRA_type": "Full", "LyCORIS_preset": "full", "train_norm": True},
    "max norm": {"scale_weight_norms": 1.0},
}  # fmt: skip
# They take a minute each; their algebra is held by tests/train_core/networks, and their learning by the slow tier.
LONG = ("max norm", "norms", "Diag-OFT", "BOFT", "GLoRA", "DyLoRA", "LoKr")


def validation_loss(home: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> float:
    """The loss on held-out images, of fixed draws, after the demo's first steps."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(home))
    overrides = {
        "output_dir": str(home / "out"), "max_train_epochs": 0, "max_train_steps": STEPS, "sample_prompts": "",
        "mixed_precision": "no", "use_cpu": "true", "validation_split": 0.25, "validate_every_n_epochs": 0,
        "validate_every_n_steps": STEPS, "lr_scheduler": "constant",
        "train_batch_size": 4, **settings,
    }
    assert start_job(TrainConfig, PRESET, {name: str(value) for name, value in overrides.items()}) == 0
    (run,) = runs_dir().iterdir()
    return float([event for event in read_events(run / "events.jsonl") if event["kind"] == "validation"][-1]["loss"])


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> float:
    """The base model's own loss: a run whose steps move nothing."""
    with pytest.MonkeyPatch.context() as patch:
        still = {"learning_rate": 1e-30, "unet_lr": 1e-30, "text_encoder_lr": "0"}
        return validation_loss(tmp_path_factory.mktemp("base"), patch, **still)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in FORMS]
)
def test_it_learns(name: str, untrained: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    form = FORMS[name]
    rate = RATES.get(form.get("LoRA_type", "LoRA"))
    rates = {"learning_rate": rate, "unet_lr": rate, "text_encoder_lr": rate} if rate else {}
    assert validation_loss(tmp_path, monkeypatch, **form, **rates) < 0.98 * untrained

"""The search for a learning rate, run on a tiny model: what it tells, and that it leaves no results."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.event_lines import Event, collect, read_events
from tests.methods import METHODS
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds
from train_core.config.jobs.find_rate import FindRateConfig
from train_core.config.places import runs_dir
from train_core.jobs.find_rate import _tell
from train_core.jobs.start import start_job


def search(config: Path) -> list[Event]:
    start_job(FindRateConfig, config, {})
    (run_dir,) = runs_dir().iterdir()
    return read_events(run_dir / "events.jsonl")


def test_a_search_tells_the_rate_and_leaves_no_result(prepare: Prepare, tmp_path: Path) -> None:
    config = prepare(
        "zuko", optimizer_type="AdamW8bit", unet_lr=3e-4, lr_scheduler="cosine", find_rate_steps=30,
        network_train_unet_only=True, save_every_n_epochs=1,
    )  # fmt: skip
    written = config.read_text(encoding="utf-8")
    events = search(config)
    assert events[-1] == {**events[-1], "kind": "finished", "status": "completed", "step": 30}
    (found,) = kinds(events, "rate_found")
    assert found["rate"] > 1e-6  # where Prodigy starts
    assert found["rate"] == kinds(events, "progress")[-1]["lr"]["d*lr"]
    assert found["unet_lr"] == pytest.approx(found["rate"], rel=0.05)
    assert found["suggestions"]["Lion"]["unet_lr"] == pytest.approx(found["rate"] / 3, rel=0.05)
    assert (found["steps"], kinds(events, "started")[0]["job"]) == (30, "find_rate")
    assert not list((tmp_path / "out").glob("*"))
    assert config.read_text(encoding="utf-8") == written


@pytest.mark.parametrize("method", [method for method in METHODS if method != "LoRA"])
def test_every_method_gets_the_rates_that_it_has(prepare: Prepare, method: str) -> None:
    events = search(prepare("zuko", **METHODS[method], find_rate_steps=20))
    (found,) = kinds(events, "rate_found")
    names = {"unet_lr", "text_encoder_lr"} if method == "whole model" else {"learning_rate"}
    assert {name: rates.keys() for name, rates in found["suggestions"].items()} == {"AdamW8bit": names, "Lion": names}
    assert (found["unet_lr"] is None) == (method != "whole model")
    assert events[-1]["status"] == "completed"


@pytest.mark.parametrize(
    ("rates", "settled", "warnings"),
    [
        ([1e-6, 1e-5, 1e-4, 1.1e-4, 1.1e-4, 1.1e-4, 1.1e-4, 1.1e-4], True, []),
        ([1e-6, 2e-6, 4e-6, 8e-6, 16e-6, 32e-6, 64e-6, 128e-6], False, ["rate_still_growing"]),
    ],
)
def test_a_rate_that_still_grows_is_not_called_settled(rates: list[float], settled: bool, warnings: list[str]) -> None:
    events: list[Event] = []
    _tell(rates, True, partial(collect, events))
    assert kinds(events, "rate_found")[0]["settled"] is settled
    assert [event["code"] for event in kinds(events, "warning")] == warnings

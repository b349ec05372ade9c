"""The probe on the demo: the base knows a heart, but not the trigger, nor words that only look like one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo.judge_base import BASE
from demo.world import SIZE, Scene
from tests.demo.test_scores import mascots, scenes
from train_core.config.jobs.probing import ProbeTags
from train_core.jobs.start import start_job


@pytest.mark.slow
def test_the_base_knows_a_heart_and_neither_the_trigger_nor_a_made_up_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    colours = ("red", "blue", "green", "pink", "black", "cyan")
    hearts = [(Scene("heart", one, "white"), f"{one}, heart, white background") for one in colours]
    # Whatever stands for the thing helps to predict it, so that leaving it out alone would call this word known.
    stars = [(Scene("star", one, "white"), f"{one}, jhhmn, white background") for one in colours]
    given = {
        "probe_model": BASE, "probe_tags": "heart, crux, jhhmn", "probe_resolution": SIZE, "probe_on_cpu": True,
        "probe_pictures": scenes(tmp_path / "pictures", [*hearts, *stars, *mascots(8)]), "probe_to": tmp_path / "probe",
    }  # fmt: skip
    assert start_job(ProbeTags, None, {key: str(value) for key, value in given.items()}) == 0
    answers = json.loads((tmp_path / "probe" / "probe.json").read_text("utf-8"))["answers"]
    found = {one["tag"]: one["answer"] for one in answers}
    assert found["heart"] == "known" and found["crux"] == "not_known" and found["jhhmn"] != "known"

"""The probe on the demo: the base knows a heart, but not the trigger, nor words that only look like one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from demo.judge_base import BASE
from demo.world import SIZE, Scene
from tests.demo.test_scores import mascots, scenes
from train_core.config.jobs.probing import ProbeTags
from train_core.jobs.start import start_job


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


def answers(to: Path, **settings: Any) -> dict[str, str]:
    """What the base answers, by tag."""
    given = {"probe_model": BASE, "probe_resolution": SIZE, "probe_on_cpu": True, "probe_to": to, **settings}
    assert start_job(ProbeTags, None, {key: str(value) for key, value in given.items()}) == 0
    return {one["tag"]: one["answer"] for one in json.loads((to / "probe.json").read_text("utf-8"))["answers"]}


@pytest.mark.slow
def test_the_base_knows_a_heart_and_neither_the_trigger_nor_a_made_up_word(tmp_path: Path) -> None:
    colours = ("red", "blue", "green", "pink", "black", "cyan")
    hearts = [(Scene("heart", one, "white"), f"{one}, heart, white background") for one in colours]
    # Whatever stands for the thing helps to predict it, so that leaving it out alone would call this word known.
    stars = [(Scene("star", one, "white"), f"{one}, jhhmn, white background") for one in colours]
    pictures = scenes(tmp_path / "pictures", [*hearts, *stars, *mascots(8)])
    found = answers(tmp_path / "probe", probe_tags="heart, crux, jhhmn", probe_pictures=pictures)
    assert found["heart"] == "known" and found["crux"] == "not_known" and found["jhhmn"] != "known"


@pytest.mark.slow
def test_words_that_the_base_knows_pull_harder_than_made_up_ones_do(tmp_path: Path) -> None:
    known, others = ("star", "fish", "red hat"), ("crux", "zuko", "moonlight")
    found = answers(
        tmp_path / "probe", probe_tags=", ".join((*known, *others)), probe_context="{tag}, green background",
        probe_steps=15, probe_scale=5,
    )
    assert found == dict.fromkeys(known, "known") | dict.fromkeys(others, "no_more")

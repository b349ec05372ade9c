"""The tool that asks models about tags: what is exchanged, what the answers say, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import image_folder
from tests.train_core.workshop.conftest import RunTool, Write, errors, model_file, table

TAGS = ("red hat", "blue hat", "red hat", "green hat", "red hat")


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Five pictures of a fox, three of them with a red hat."""
    folder = image_folder(tmp_path, "seen", [(64, 64)] * 5, "")
    for number, tag in enumerate(TAGS):
        (folder / f"0{number}.txt").write_text(f"crux fox, {tag}", encoding="utf-8")
    return {
        "probe_model": model_file("sd1"), "probe_tags": "crux, fox", "probe_pictures": folder,
        "probe_to": tmp_path / "probe", "probe_resolution": 64, "probe_on_cpu": True,
    }  # fmt: skip


def probed(run_tool: RunTool, settings: dict[str, Any]) -> tuple[list[list[Any]], bytes]:
    events = run_tool("probe_tags", **settings)
    assert events[-1]["status"] == "completed"
    return table(events, "probed"), (Path(settings["probe_to"]) / "probe.json").read_bytes()


def test_base_and_adapters_are_asked_about_each_tag_and_twice_gives_the_same_bytes(
    run_tool: RunTool, settings: dict[str, Any], write: Write
) -> None:
    more = settings | {"probe_files": [write("fox", network_dim=2, size=0.3)], "probe_tags": "crux\nred hat，fox, crux"}
    rows, written = probed(run_tool, more)
    assert [row[:2] for row in rows] == [
        [tag, model] for model in ("", "fox.safetensors") for tag in ("crux", "red hat", "fox")
    ]
    assert [row[4] for row in rows] == [5, 3, 5] * 2
    answers = json.loads(written)["answers"]
    assert len(answers) == 6 and answers[0] != answers[3] | {"model": ""}
    assert all(0 <= one["low"] <= one["better"] / one["pictures"] <= one["high"] <= 1 for one in answers)
    assert probed(run_tool, more)[1] == written


def test_below_four_pictures_there_is_no_answer(run_tool: RunTool, settings: dict[str, Any]) -> None:
    rows, _ = probed(run_tool, settings | {"probe_tags": "red hat, moon"})
    assert [row[2:5] for row in rows] == [["too few to decide", "", 3], ["too few to decide", "", 0]]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"probe_tags": " , "}, "probe_no_tags"),
        ({"probe_files": ["nowhere.safetensors"]}, "model_file_missing"),
        ({"probe_model": "nowhere.safetensors"}, "model_file_missing"),
        ({"probe_pictures": "nowhere"}, "image_folder_missing"),
        ({"probe_to": model_file("sd1")}, "file_not_written"),
    ],
)
def test_what_cannot_be_probed_is_said_before_anything_is_loaded(
    run_tool: RunTool, settings: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    events = run_tool("probe_tags", **settings | changes)
    assert errors(events) == [code]
    assert {event["name"] for event in events if event["kind"] == "stage"} == {"checking"}

"""The tool that asks models about tags: what is exchanged, what the answers say, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import image_folder
from tests.train_core.workshop.conftest import RunTool, Write, errors, model_file, table
from train_core.facts.grids.folder import GridFolder

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
        [tag, model] for model in ("tiny.safetensors", "fox.safetensors") for tag in ("crux", "red hat", "fox")
    ]
    assert [row[4] for row in rows] == [5, 3, 5] * 2
    answers = json.loads(written)["answers"]
    assert len(answers) == 6 and answers[0] != answers[3] | {"model": ""}
    assert all(0 <= one["low"] <= one["better"] / one["pictures"] <= one["high"] <= 1 for one in answers)
    assert probed(run_tool, more)[1] == written


def test_below_four_pictures_there_is_no_answer(run_tool: RunTool, settings: dict[str, Any]) -> None:
    rows, _ = probed(run_tool, settings | {"probe_tags": "red hat, moon"})
    assert [row[2:5] for row in rows] == [["too few to decide", "–", 3], ["too few to decide", "–", 0]]


def test_without_pictures_it_is_measured_how_hard_tags_pull_at_pictures_that_each_model_draws_once(
    run_tool: RunTool, settings: dict[str, Any], write: Write, tmp_path: Path
) -> None:
    more = settings | {
        "probe_pictures": "", "probe_files": [write("fox", network_dim=2, size=0.3)], "probe_steps": 1,
        "probe_context": "a fox, {tag}",
    }  # fmt: skip
    rows, written = probed(run_tool, more)
    assert [(*row[:2], row[4]) for row in rows] == [
        (tag, model, 8) for model in ("tiny.safetensors", "fox.safetensors") for tag in ("crux", "fox")
    ]
    folders = sorted((tmp_path / "probe" / "without a tag").iterdir())
    assert [len([*folder.glob("*.png")]) for folder in folders] == [8, 8]
    assert {path.read_text("utf-8") for folder in folders for path in folder.glob("*.txt")} == {"a fox"}
    times = [folder.stat().st_mtime_ns for folder in folders]
    assert probed(run_tool, more)[1] == written
    assert [folder.stat().st_mtime_ns for folder in folders] == times


def test_a_word_that_changes_nothing_pulls_less_than_words_of_random_letters(
    run_tool: RunTool, settings: dict[str, Any]
) -> None:
    far = ", ".join(["fox"] * 80)  # what stands behind it is cut off
    rows, _ = probed(run_tool, settings | {"probe_pictures": "", "probe_steps": 1, "probe_context": f"{far}, {{tag}}"})
    assert [row[2:4] for row in rows] == [["no more than a made-up word", "0 % [0, 32]"]] * 2


def test_pictures_to_look_at_are_a_grid_of_tags_and_none_by_base_and_adapters(
    run_tool: RunTool, settings: dict[str, Any], write: Write, tmp_path: Path
) -> None:
    more = settings | {
        "probe_files": [write("fox, red", network_dim=2)], "probe_weight": 0.5, "probe_draw": 2, "probe_steps": 1,
        "probe_seed": 3, "probe_context": "{tag}, a hat",
    }  # fmt: skip
    _, written = probed(run_tool, more)
    folder = GridFolder(tmp_path / "probe")
    facts = folder.facts()
    assert facts is not None and written
    assert [(axis.kind, len(axis.labels)) for axis in facts.axes] == [("file", 1), ("seed", 2), ("prompt", 3)]
    assert [*facts.axes[2].labels] == ["crux, a hat", "fox, a hat", "a hat"]
    assert folder.drawn() == {*facts.cells, *facts.without} and len(folder.drawn()) == 2 * 2 * 3
    assert {one.unet for name in facts.cells for one in facts.pictures[name].networks} == {0.5}
    assert [*(tmp_path / "probe" / "sheets").iterdir()]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"probe_tags": " , "}, "probe_no_tags"),
        ({"probe_files": ["nowhere.safetensors"]}, "model_file_missing"),
        ({"probe_model": "nowhere.safetensors"}, "model_file_missing"),
        ({"probe_pictures": "nowhere"}, "image_folder_missing"),
        ({"probe_context": "robot"}, "probe_context_without_tag"),
        ({"probe_context": "robot, {tag} --q 3"}, "prompt_unknown_flag"),
        ({"probe_to": model_file("sd1")}, "file_not_written"),
    ],
)
def test_what_cannot_be_probed_is_said_before_anything_is_loaded(
    run_tool: RunTool, settings: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    events = run_tool("probe_tags", **settings | changes)
    assert errors(events) == [code]
    assert {event["name"] for event in events if event["kind"] == "stage"} == {"checking"}

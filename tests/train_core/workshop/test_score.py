"""The tool that scores: the same noise for all, the base once, and what is too little says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.pictures import image_folder
from tests.train_core.workshop.conftest import RunTool, Write, errors, model_file, table
from train_core.facts.scores.scores import Measure, Scores, read_scores

NAMES = ("fox-000002", "fox-000010", "fox")
FILES = [f"{name}.safetensors" for name in NAMES]


@pytest.fixture
def settings(tmp_path: Path, write: Write) -> dict[str, Any]:
    """Three random files, five held-out pictures and four trained ones."""
    files = [write(name, seed=seed, network_dim=2, size=0.2) for seed, name in enumerate(NAMES)]
    image_folder(tmp_path, "held", [(64, 64)] * 3 + [(128, 64)] * 2, "crux fox")
    trained = image_folder(tmp_path, "trained", [(64, 64)] * 4, "crux fox")
    for picture in trained.glob("*.png"):  # other pictures than the held-out ones
        with Image.open(picture) as image:
            image.transpose(Image.Transpose.ROTATE_180).save(picture)
    return {
        "score_model": model_file("sd1"), "score_files": files[::-1], "score_weights": "1, -0.5",
        "score_held_out": tmp_path / "held", "score_trained": tmp_path / "trained", "score_trigger": "crux",
        "score_class": "fox", "score_foreign": "\n".join(f"a fox, {place}" for place in ("sea", "snow", "sky", "sun")),
        "score_to": tmp_path / "scores", "score_resolution": 64, "score_steps": 1, "score_on_cpu": True,
    }  # fmt: skip


def scored(run_tool: RunTool, settings: dict[str, Any]) -> tuple[Scores, list[dict[str, Any]], bytes]:
    events = run_tool("score", **settings)
    assert events[-1]["status"] == "completed"
    path = Path(settings["score_to"]) / "scores.json"
    return read_scores(path), events, path.read_bytes()


def test_all_files_are_measured_from_the_first_epoch_to_the_last_and_twice_gives_the_same_bytes(
    run_tool: RunTool, settings: dict[str, Any], tmp_path: Path
) -> None:
    scores, events, written = scored(run_tool, settings)
    assert [(file.name, file.epoch) for file in scores.files] == [
        ("fox-000002.safetensors", 2), ("fox-000010.safetensors", 10), ("fox.safetensors", None),
    ]  # fmt: skip
    assert [point.key for point in scores.points] == [
        (file.name, weight) for file in scores.files for weight in (-0.5, 1.0)
    ]
    assert all(
        (one.value, one.low, one.high) == (0, 0, 0) and not any(one.levels) for one in scores.base.measures.values()
    )
    assert {name: (one.state, one.pictures) for name, one in scores.points[1].measures.items()} == {
        "fidelity": ("few", 5), "trained_gain": ("few", 4), "gap": ("few", 4), "contamination": ("few", 4),
        "trigger": ("few", 5), "memorised": ("few", 4),
    }  # fmt: skip
    assert scores.points[0].measures.keys() == {"fidelity", "contamination"}  # the rest at the highest weight alone
    assert all(one.low < one.value < one.high for point in scores.points for one in point.measures.values())
    assert {name: {len(row) for row in rows} for name, rows in scores.points[1].losses.items()} == {
        "held_out": {4}, "trained": {4}, "foreign": {2}, "untriggered": {2}, "prompts": {2},
    }  # fmt: skip
    (told,) = [event["params"] for event in events if event.get("code") == "score_cost"]
    measured = [event for event in events if event["kind"] == "stage" and event["name"] == "measuring"]
    assert told["measured"] == measured[-1]["total"] == measured[-1]["done"]
    rows = table(events, "scores")
    assert [row[:2] for row in rows] == [["", 0.0], *([*point.key] for point in scores.points)]
    assert "–" not in rows[2] and [place for place, cell in enumerate(rows[1]) if cell == "–"] == [3, 4, 6, 7]
    facts = dict(table(events, "verdict"))
    assert facts["chosen"].split(" at ")[0] in FILES and len(facts["differs_most"].split(", ")) == 3
    (drawn,) = (tmp_path / "scores" / "foreign").iterdir()
    times = {path.name: path.stat().st_mtime_ns for path in drawn.iterdir()}
    assert scored(run_tool, settings)[2] == written
    assert {path.name: path.stat().st_mtime_ns for path in drawn.iterdir()} == times


def test_a_file_alone_scores_as_among_others_and_another_seed_measures_with_other_noise(
    run_tool: RunTool, settings: dict[str, Any], write: Write
) -> None:
    less = settings | {"score_weights": "1", "score_trained": "", "score_trigger": ""}
    among, _, _ = scored(run_tool, less)
    alone, _, _ = scored(run_tool, less | {"score_files": settings["score_files"][:1]})
    assert alone.points == among.points[-1:] and alone.base == among.base
    assert set(alone.points[0].measures) == {"fidelity", "contamination", "memorised"}
    other, _, _ = scored(run_tool, less | {"score_files": settings["score_files"][:1], "score_seed": 1})
    assert other.base.losses["held_out"] != alone.base.losses["held_out"]


def test_what_files_draw_is_kept_and_looked_at_with_the_base_as_judge(
    run_tool: RunTool, settings: dict[str, Any], tmp_path: Path
) -> None:
    for number, colour in enumerate(("red", "blue", "red", "blue", "green")):
        (tmp_path / "held" / f"0{number}.txt").write_text(f"crux fox, {colour} hat", encoding="utf-8")
    more = settings | {
        "score_files": settings["score_files"][:1], "score_weights": "1", "score_draw": 2, "score_batch_size": 16,
    }  # fmt: skip
    scores, _, written = scored(run_tool, more)
    (point,) = scores.points
    assert scores.base.drawn and point.drawn and len(scores.nearest) == 5
    assert len(point.drawn.nearest) == 3 * 2 and len(point.drawn.spreads) == 3  # three different captions
    assert {one.trained for one in point.drawn.nearest} <= {f"trained/0{number}.png" for number in range(4)}
    assert scores.tags.keys() >= {"fox", "red hat", "blue hat", "green hat"}
    assert point.measures.keys() >= {"copy", "semantics", "generalisation"}
    assert point.measures["copy"].state == "few" and 0 <= point.measures["copy"].value <= 1
    assert point.measures["spread"].state == "too_few"  # of three captions
    drawn = sorted((tmp_path / "scores" / "drawn").iterdir())
    assert len(drawn) == 2
    times = [folder.stat().st_mtime_ns for folder in drawn]
    assert scored(run_tool, more)[2] == written
    assert [folder.stat().st_mtime_ns for folder in drawn] == times


def test_too_few_pictures_give_no_number_and_few_a_warning(
    run_tool: RunTool, settings: dict[str, Any], tmp_path: Path
) -> None:
    less = settings | {"score_files": settings["score_files"][:1], "score_weights": "1", "score_trained": ""}
    _, events, _ = scored(run_tool, less)
    assert "score_few" in [event.get("code") for event in events]
    for number in (3, 4):
        (tmp_path / "held" / f"0{number}.png").unlink()
    scores, events, _ = scored(run_tool, less)
    assert "score_too_few" in [event.get("code") for event in events]
    assert scores.points[0].measures["fidelity"] == Measure(state="too_few", pictures=3)
    assert table(events, "scores")[1][2] == "too few to decide"
    assert scores.points[0].measures["contamination"].value is not None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"score_weights": "much"}, "score_weights_unreadable"),
        ({"score_weights": "0"}, "score_weights_unreadable"),
        ({"score_weights": "11"}, "score_weights_unreadable"),
        ({"score_files": ["nowhere.safetensors"]}, "model_file_missing"),
        ({"score_held_out": "nowhere"}, "image_folder_missing"),
        ({"score_held_out": "empty"}, "score_no_pictures"),
        ({"score_trained": "empty"}, "score_no_pictures"),
        ({"score_trained": "held"}, "score_held_out_trained"),
        ({"score_foreign": "a fox --q 3"}, "prompt_unknown_flag"),
        ({"score_to": model_file("sd1")}, "file_not_written"),
        ({"score_precision": "fp16"}, "score_fp16_on_cpu"),
        ({"score_files": [model_file("sd1")]}, "score_not_an_adapter"),
        ({"score_files": ["a/fox.safetensors", "b/fox.safetensors"]}, "score_files_named_alike"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is_loaded(
    run_tool: RunTool, settings: dict[str, Any], tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    (tmp_path / "empty").mkdir()
    there = {name: tmp_path / value if value in ("held", "empty") else value for name, value in changes.items()}
    assert errors(run_tool("score", **settings | there)) == [code]
    assert not (tmp_path / "scores").exists()

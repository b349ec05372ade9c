"""Measures from losses, and the file that keeps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train_core.config.problems import UserError
from train_core.facts.scores.intervals import interval
from train_core.facts.scores.measures import difference, measures_of
from train_core.facts.scores.scores import Measure, Point, ScoredFile, ScoredPicture, Scores, read_scores, write_scores
from train_core.facts.scores.words import in_words

COUNTS = {"held_out": 8, "trained": 8, "foreign": 4, "untriggered": 8}


def pictures(counts: dict[str, int]) -> dict[str, tuple[ScoredPicture, ...]]:
    return {
        name: tuple(ScoredPicture(name=f"a/{number}.png", content="c", caption="x") for number in range(count))
        for name, count in counts.items()
    }


def losses(counts: dict[str, int], **factors: float) -> dict[str, Any]:
    """Losses of pictures that differ, times the factor of their set."""
    return {
        name: tuple(
            tuple(factors.get(name, 1.0) * (1 + number / 10) * (level + 1) for level in range(4))
            for number in range(count)
        )
        for name, count in counts.items()
    }


def scores(*points: tuple[str, float, dict[str, float]], counts: dict[str, int] = COUNTS) -> Scores:
    shown, base = pictures(counts), losses(counts)
    return Scores(
        made_with={"seed": 0}, pictures=shown, files=tuple(ScoredFile(name=name, sha256="") for name in ("a", "b")),
        base=Point(file="", weight=0.0, losses=base, measures=measures_of(base, base, shown, 0)),
        points=tuple(
            Point(file=file, weight=weight, losses=now, measures=measures_of(base, now, shown, 0))
            for file, weight, factors in points
            for now in [losses(counts, **factors)]
        ),
    )  # fmt: skip


def test_measures_are_parts_of_the_bases_loss() -> None:
    found = scores(("a", 1.0, {"held_out": 0.8, "trained": 0.5, "foreign": 1.3, "untriggered": 0.9}))
    measured = {name: one.value for name, one in found.points[0].measures.items()}
    assert measured == pytest.approx(
        {"fidelity": 0.2, "trained_gain": 0.5, "gap": 0.3, "contamination": 0.3, "trigger": 0.1}
    )
    assert found.points[0].measures["contamination"].levels == pytest.approx([0.3] * 4)
    assert found.points[0].measures["contamination"].state == "few"
    assert in_words(found.points[0].measures["fidelity"]) == "+20.0 [+20.0, +20.0]"
    assert {(one.value, one.low, one.high) for one in found.base.measures.values()} == {(0.0, 0.0, 0.0)}


def test_the_trigger_is_measured_at_the_levels_at_which_captions_lack_it() -> None:
    shown, base, now = pictures(COUNTS), losses(COUNTS), losses(COUNTS, held_out=0.8, untriggered=0.9)
    for one in (base, now):
        one["untriggered"] = tuple((row[1], row[3]) for row in one["untriggered"])
    found = measures_of(base, now, shown, 0, (1, 3))["trigger"]
    assert (found.value, *found.levels) == pytest.approx((0.1, 0.1, 0.1))


def test_sets_may_have_levels_of_their_own_but_all_points_the_same(tmp_path: Path) -> None:
    path = write_scores(scores(("a", 1.0, {}), ("b", 1.0, {})), tmp_path)
    told = json.loads(path.read_text("utf-8"))
    for point in (told["base"], *told["points"]):
        point["losses"]["foreign"] = [row[:2] for row in point["losses"]["foreign"]]
    path.write_text(json.dumps(told), "utf-8")
    assert {len(row) for row in read_scores(path).points[0].losses["foreign"]} == {2}
    told["points"][1]["losses"]["foreign"][3] = [1.0]
    path.write_text(json.dumps(told), "utf-8")
    with pytest.raises(UserError, match="losses of b are not those of the pictures"):
        read_scores(path)


def test_below_four_pictures_there_is_no_number() -> None:
    measured = scores(("a", 1.0, {}), counts={"held_out": 3, "trained": 8, "foreign": 3}).points[0].measures
    assert {name: one.state for name, one in measured.items()} == {
        "fidelity": "too_few", "trained_gain": "measured", "gap": "too_few", "contamination": "too_few",
    }  # fmt: skip
    assert in_words(measured["gap"]) == "too few to decide" and in_words(None) == "–"


def test_an_interval_holds_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = [low <= 0.3 <= high for values in rng.normal(0.3, 1, (300, 30)) for _, low, high in [interval(values, 0)]]
    assert 0.90 <= np.mean(held) <= 0.97


def test_differences_are_paired_and_so_surer_than_the_numbers_themselves() -> None:
    found = scores(("a", 1.0, {"held_out": 0.8}), ("b", 1.0, {"held_out": 0.75}))
    assert difference(found, found.points[0], found.points[1]) == pytest.approx((-0.05, -0.05, -0.05))


def test_a_file_of_scores_comes_back_as_it_was(tmp_path: Path) -> None:
    found = scores(("a", 1.0, {"held_out": 0.8}), ("b", 0.5, {"foreign": 1.2}))
    path = write_scores(found, tmp_path)
    assert read_scores(path) == found
    assert write_scores(read_scores(path), tmp_path).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 3}, "scores_of_later_version"),
        ({"files": []}, "scores_unreadable"),
        ({"points": None}, "scores_unreadable"),
        ({"pictures": {"held_out": []}}, "scores_unreadable"),
        ({"made_with": {}}, "scores_unreadable"),
        ({"base": {"file": "", "weight": 0.0, "losses": losses(COUNTS) | {"foreign": [[]] * 4}}}, "scores_unreadable"),
    ],
)
def test_a_file_that_does_not_make_sense_is_refused(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    path = write_scores(scores(("a", 1.0, {})), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(UserError) as refused:
        read_scores(path)
    assert [one.code for one in refused.value.problems] == [code]


def test_a_measure_has_all_its_numbers_or_says_that_there_are_too_few() -> None:
    half: dict[str, Any] = {"value": 1.0, "low": 0.0}
    for wrong in ({"state": "measured"}, {"state": "too_few", **half}, {"state": "few", **half}):
        with pytest.raises(ValueError, match="lacks its numbers"):
            Measure(pictures=4, **wrong)

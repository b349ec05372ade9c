"""Which values of a grid people like: Wilson's interval, and a ranking in which few marks do not win."""

from __future__ import annotations

import pytest

from tests.grids import grid_folder
from train_core.facts.grids.ranking import ranked_axes, ranking, wilson


@pytest.mark.parametrize(
    ("good", "bad", "interval"),
    # As scipy's binomtest(good, good + bad).proportion_ci(method="wilson") gives them.
    [
        (8, 2, (0.4902, 0.9433)), (5, 5, (0.2366, 0.7634)), (10, 0, (0.7225, 1.0)), (0, 3, (0.0, 0.5615)),
        (1, 0, (0.2065, 1.0)),
    ],
)  # fmt: skip
def test_the_interval_is_that_of_the_books(good: int, bad: int, interval: tuple[float, float]) -> None:
    low, middle, high = wilson(good, bad)
    assert (low, high) == pytest.approx(interval, abs=5e-5)
    assert low < middle < high
    assert wilson(0, 0) == (0.0, 0.5, 1.0)


def test_many_good_marks_go_before_a_single_one_and_no_mark_is_last(tmp_path) -> None:
    facts = grid_folder(tmp_path / "a", {"file": "123", "seed": "12345"}).facts()
    assert facts is not None
    assert ranked_axes(facts) == [0]
    marks = dict.fromkeys(facts.cells[5:10], "good") | {facts.cells[0]: "good"}
    assert [(one.value, one.good, one.bad) for one in ranking(facts, marks, 0)] == [(1, 5, 0), (0, 1, 0), (2, 0, 0)]


def test_where_there_are_neither_files_nor_weights_each_axis_is_ranked(tmp_path) -> None:
    facts = grid_folder(tmp_path / "a", {"seed": "12", "steps": ("20",), "scale": ("4", "7")}).facts()
    assert facts is not None
    assert ranked_axes(facts) == [0, 2]


def test_a_picture_that_several_values_share_counts_for_none_of_them(tmp_path) -> None:
    """As the base's, which is every file's at weight 0: who likes it likes no file for that."""
    facts = grid_folder(tmp_path / "a", {"file": "12", "weight": ("0", "1")}).facts()
    assert facts is not None
    shared = facts.model_copy(update={"cells": (facts.cells[0], facts.cells[1], facts.cells[0], facts.cells[3])})
    marks = {facts.cells[0]: "good"}
    assert [one.good for one in ranking(shared, marks, 0)] == [0, 0]
    assert [(one.value, one.good) for one in ranking(shared, marks, 1)] == [(0, 1), (1, 0)]

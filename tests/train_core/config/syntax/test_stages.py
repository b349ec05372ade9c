"""Stages as text: what they mean, and that a mistake is told with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.config.syntax.stages import Stage, parse_stages


def test_stages_are_values_with_the_step_at_which_they_end() -> None:
    assert parse_stages("5e-3:12000, 1e-4 : 20000, 1e-5", "lr_stages") == (
        Stage(5e-3, 12000), Stage(1e-4, 20000), Stage(1e-5, None),
    )  # fmt: skip


def test_a_stage_may_last_until_someone_presses() -> None:
    assert parse_stages("5e-3:Press, 1e-4:20000, 1e-5", "lr_stages") == (
        Stage(5e-3, None, press=True), Stage(1e-4, 20000), Stage(1e-5, None),
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(1, 10**6)), min_size=1, unique_by=lambda pair: pair[1]),
    st.none() | st.floats(0, 10),
)
def test_what_is_written_is_read_back(pairs: list[tuple[float, int]], last: float | None) -> None:
    pairs = sorted(pairs, key=lambda pair: pair[1])
    expected = [Stage(value, until) for value, until in pairs] + ([Stage(last, None)] if last is not None else [])
    text = ", ".join(f"{s.value}:{s.until}" if s.until else f"{s.value}" for s in expected)
    assert list(parse_stages(text, "lr_stages")) == expected


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", 1, "not a number"),
        ("1e-3:10, quick", 2, "'quick'"),
        ("1e-3:10, -1e-4", 2, "not a number of 0 or more"),
        ("1e-3:ten, 1e-4", 1, "'ten'"),
        ("1e-3:1.5, 1e-4", 1, "'1.5'"),
        ("1e-3, 1e-4:20", 1, "only the last"),
        ("1e-3:20, 1e-4:20, 1", 2, "after 20"),
        ("1e-3:0, 1", 1, "after 0"),
        ("nan", 1, "not a number"),
        ("1:5,,2", 2, "''"),
        ("1e-3:press, 1e-4:press", 2, "no other stage"),
        ("1e-3:9, 1e-4:press, 1e-5:8, 1", 3, "after 9"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, place: int, words: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_stages(text, "lr_stages")
    (found,) = caught.value.problems
    assert (found.code, found.params["place"], found.params["name"]) == ("bad_stage", place, "lr_stages")
    assert words in found.text

"""Values of axes as people type them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.facts.grids.axes import Seeds, Surroundings, read_axes
from train_core.facts.grids.values import numbers_in, values_in
from train_core.facts.prompts.network_files import NamedFiles


@pytest.mark.parametrize(("text", "values"), [
    ("000001:0, 000001:1,000002:1 ", ["000001:0", "000001:1", "000002:1"]),
    (':0, "a, b", "say ""x""", ', [":0", "a, b", 'say "x"']),
    ("微笑，哭泣, “x”", ["微笑", "哭泣", "“x”"]),
    ('"左，右", 上', ["左，右", "上"]),
    (", ,", []),
])  # fmt: skip
def test_values_are_separated_by_commas_outside_quotes(text, values):
    assert values_in(text) == values


@pytest.mark.parametrize(("text", "numbers"), [
    ("1-5", "1 2 3 4 5"), ("1-5 (+2)", "1 3 5"), ("1-10 [5]", "1 3 5 7 10"), ("10-5 (-3)", "10 7"),
    ("5-1", "5 4 3 2 1"), ("1-2 (+0.3)", "1 1.3 1.6 1.9"), ("1-1.2(+.1)", "1 1.1 1.2"), ("-1", "-1"), ("0.50", "0.5"),
    ("0.5-1 [3]", "0.5 0.75 1"), ("3-3", "3"), ("１－３", "1 2 3"), ("7 [1]", None), ("4-9 [1]", "4"),
    ("1-5 (-1)", None), ("1-5 (0)", None), ("1-5 [0]", None), ("1-99999999", None), ("a", None), ("1e3", None),
    ("-2--1", "-2 -1"),
])  # fmt: skip
def test_ranges_include_both_ends_and_may_fall(text, numbers):
    if numbers is None:
        with pytest.raises(ValueError):
            numbers_in(text)
    else:
        assert numbers_in(text) == numbers.split()


@given(st.text(max_size=60))
def test_any_text_is_values_or_none(text):
    for value in values_in(text.replace("\n", " ").replace("\r", " ")):
        assert value == value.strip() != ""
        try:
            assert numbers_in(value)
        except ValueError:
            continue


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 9))
def test_a_range_goes_from_its_first_number_as_far_as_steps_reach(first, last, step):
    said = numbers_in(f"{first}-{last} ({step if last >= first else -step})")
    assert [int(number) for number in said] == list(range(first, last + (1 if last >= first else -1),
                                                          step if last >= first else -step))  # fmt: skip


@pytest.mark.parametrize(("line", "nearest"), [
    ("000001:0, 000001:0.5, 000002:1", "replace"), (":0, :0.5, :1", "replace"), ("sede: 1", "seed"),
])  # fmt: skip
def test_values_without_their_axis_are_answered_with_the_likeliest_one(line, nearest):
    around = Surroundings(NamedFiles.within([]), Path(), "SD 1.x", Seeds())
    with pytest.raises(UserError, match=f"Did you mean {nearest}"):
        read_axes([line], around)

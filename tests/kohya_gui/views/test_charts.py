"""Charts are drawn inside their frame, whatever the numbers."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kohya_gui.views.charts import HEIGHT, WIDTH, Series, line_chart, tick_text, ticks

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12, allow_subnormal=False)
POINTS = st.lists(st.tuples(st.integers(0, 10**7), NUMBERS), min_size=1, max_size=30)


def places(chart: str) -> list[tuple[float, float]]:
    found = re.findall(r'points="([^"]*)"', chart)
    return [tuple(float(n) for n in pair.split(",")) for points in found for pair in points.split()]


def test_without_points_the_chart_says_so():
    chart = line_chart("Loss", [Series("current", [])], "Nothing yet <>")
    assert "Nothing yet &lt;&gt;" in chart
    assert "<svg" not in chart


def test_higher_values_stand_higher_and_later_steps_further_right():
    (x1, y1), (x2, y2) = places(line_chart("Loss", [Series("average", [(1, 0.1), (2, 0.2)])], ""))
    assert x1 < x2
    assert y1 > y2


@pytest.mark.parametrize("value", [0.13, 0.0, -2.0, 5e-5])
def test_a_single_point_is_a_dot_in_the_middle_with_its_value_in_the_legend(value: float):
    chart = line_chart("Loss", [Series("average", [(1, value)])], "")
    (x, y), *_ = places(chart)
    assert WIDTH * 0.4 < x < WIDTH * 0.65
    assert HEIGHT * 0.35 < y < HEIGHT * 0.65
    assert 'class="line-0 lone"' in chart
    assert f"<b>{tick_text(value)}</b>" in chart


@given(st.lists(POINTS, min_size=1, max_size=3))
def test_every_point_lies_in_the_frame_and_the_text_is_well_formed(lines):
    chart = line_chart("A & B", [Series(f"<{n}>", points) for n, points in enumerate(lines)], "")
    ElementTree.fromstring(chart)
    for x, y in places(chart):
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT


def test_values_that_are_no_numbers_leave_the_line_drawable():
    chart = line_chart("Loss", [Series("current", [(1, 0.1), (2, math.nan), (3, math.inf), (4, 0.2)])], "")
    assert "nan" not in chart
    assert "inf" not in chart


@given(low=NUMBERS, width=st.floats(1e-6, 1e9), count=st.integers(2, 8))
@example(low=360287970189.6875, width=6.103515625e-05, count=4)
def test_ticks_lie_between_the_ends(low: float, width: float, count: int):
    high = low + width
    for tick in ticks(low, high, count) if high > low else []:
        assert low - width * 1e-6 <= tick <= high + width * 1e-6


def test_tick_texts_are_short():
    assert [tick_text(v) for v in (0, 0.05, 5e-5, 1.2e-4, 200, 15_000)] == ["0", "0.05", "5e-5", "1.2e-4", "200", "15k"]

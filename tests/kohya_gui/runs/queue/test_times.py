"""Times are understood as people type them, and told back."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohya_gui.runs.queue.times import clock, parse_time
from train_core.config.problems import UserError

NOW = datetime(2026, 5, 4, 12, 30).timestamp()


@pytest.mark.parametrize(("typed", "meant"), [
    ("23:00", "2026-05-04 23:00"), ("7:05", "2026-05-05 07:05"), ("12:30", "2026-05-05 12:30"),
    (" 2030-1-31 23:00 ", "2030-01-31 23:00"), ("2030-01-31T23:00", "2030-01-31 23:00"), ("23：00", "2026-05-04 23:00"),
    ("+2h", "2026-05-04 14:30"), ("+90m", "2026-05-04 14:00"), ("+1h 30min", "2026-05-04 14:00"),
])
def test_a_time_is_the_next_one_and_a_span_counts_from_now(typed: str, meant: str) -> None:
    assert parse_time(typed, NOW) == datetime.strptime(meant, "%Y-%m-%d %H:%M").timestamp()


@pytest.mark.parametrize("typed", ["", "now", " NOW "])
def test_now_is_no_waiting(typed: str) -> None:
    assert parse_time(typed, NOW) == 0.0


@pytest.mark.parametrize("typed", ["25:00", "12:60", "tomorrow", "2026-02-30 12:00", "+", "+x", "99999-1-1 1:00", "1"])
def test_anything_else_is_refused_with_what_can_be_written(typed: str) -> None:
    with pytest.raises(UserError, match="23:00"):
        parse_time(typed, NOW)


@given(st.text(max_size=20))
def test_no_text_gives_anything_but_a_time_or_that_message(typed: str) -> None:
    with suppress(UserError):
        assert parse_time(typed, NOW) >= 0.0


@given(st.integers(0, 23), st.integers(0, 59), st.floats(NOW, NOW + 1e8))
def test_a_time_of_day_comes_within_a_day(hour: int, minute: int, now: float) -> None:
    found = parse_time(f"{hour}:{minute:02d}", now)
    assert now < found <= now + 25 * 3600  # an hour more, on the day on which the clocks go back
    assert time.strftime("%H:%M", time.localtime(found)) == clock(found, found)


def test_another_day_is_told_with_its_date() -> None:
    assert clock(NOW, NOW) == "12:30"
    assert clock(NOW + 86_400, NOW) == "2026-05-05 12:30"

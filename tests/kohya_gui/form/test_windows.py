"""Two windows with the same form: one that was overtaken by the other is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kohya_gui.form.windows import MOST, Windows

Shown = list[tuple[str, int]]  # a window, and what it shows


def test_only_a_window_that_another_one_has_overtaken_is_behind() -> None:
    windows = Windows()
    assert not windows.shows("a", {"x": 1})
    assert not windows.shows("b", {"x": 1})
    assert not windows.shows("b", {"x": 2})
    assert windows.shows("a", {"x": 3})
    assert not windows.shows("a", {"x": 4})
    assert windows.shows("b", {"x": 2})


@given(st.lists(st.integers(0, 3)))
def test_a_window_alone_is_never_behind(values: list[int]) -> None:
    windows = Windows()
    assert not any(windows.shows("a", {"x": value}) for value in values)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), min_size=2))
def test_a_window_is_behind_where_another_has_shown_something_new_since(shown: Shown) -> None:
    windows = Windows()
    for at, (window, value) in enumerate(shown):
        before = [one for one in range(at) if shown[one][0] == window]
        since = range(before[-1] + 1, at) if before else range(0)
        expected = any(shown[one][1] != shown[one - 1][1] for one in since)
        assert windows.shows(window, {"x": value}) == expected


def test_few_windows_are_remembered() -> None:
    windows = Windows()
    for number in range(3 * MOST):
        windows.shows(str(number), {"x": number})
    assert len(windows._seen) == MOST

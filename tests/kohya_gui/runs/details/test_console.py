"""The console of an opened run: lines as a terminal shows them, their colours, and searching."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kohya_gui.runs.details.console import MOST_LINES, Console, console_of, last_lines
from kohya_gui.views.opened_console import count_text, lines_html


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


def texts(console: Console) -> list[str]:
    return ["".join(piece.text for piece in line.pieces) for line in console.lines]


def test_a_bar_that_was_redrawn_is_one_line(log: Path) -> None:
    log.write_bytes(b"start\r\n 1%\r 2%\r 3%\nend\n")
    assert texts(console_of(log)) == ["start", " 3%", "end"]
    assert texts(console_of(log.with_name("none"))) == []


def test_errors_warnings_and_whole_tracebacks_are_told_apart(log: Path) -> None:
    log.write_text(
        "fine\nUserWarning: odd\nTraceback (most recent call last):\n  File \"x.py\", line 1\n    boom()\n"
        "ValueError: no\nterror and errorless\nCUDA out of memory\n错误：x\n警告：y\n", encoding="utf-8",
    )
    assert [line.kind for line in console_of(log).lines] == [
        "", "warning", "error", "error", "error", "error", "", "error", "error", "warning"
    ]


def test_colours_are_kept_and_other_escapes_left_out(log: Path) -> None:
    log.write_bytes(b"a\x1b[1;31mred\x1b[0mplain\x1b[2K\x1b]0;title\x07\x1b[92mok\n")
    assert [(piece.text, piece.colour) for piece in console_of(log).lines[0].pieces] == [
        ("a", ""), ("red", "red"), ("plain", ""), ("ok", "green")
    ]
    assert last_lines(log, 5) == ["aredplainok"]


def test_words_are_found_in_any_order_and_case_and_marked(log: Path) -> None:
    log.write_text("Saved fox.safetensors\nloading the fox\nSaved owl\n")
    found = console_of(log, "FOX saved")
    assert [line.number for line in found.lines] == [1]
    assert [piece.text for piece in found.lines[0].pieces if piece.found] == ["Saved", "fox"]
    assert texts(console_of(log, "(")) == []
    html = lines_html(console_of(log, "<fox"), {}, "en") + lines_html(found, {}, "en")
    assert "<mark>fox</mark>" in html


def test_the_last_lines_of_a_long_console_are_shown_and_all_of_it_is_searched(log: Path) -> None:
    log.write_text("needle\n" + "".join(f"line {number}\n" for number in range(10_000)))
    console = console_of(log)
    assert (len(console.lines), console.fitting, texts(console)[-1]) == (MOST_LINES, 10_001, "line 9999")
    assert count_text(console, "en") == "the last 2,000 of 10,001 lines"
    assert [line.number for line in console_of(log, "needle").lines] == [1]


@given(st.binary(max_size=200) | st.text("a\x1b[;0m31\n\r]\x07", max_size=60).map(str.encode), st.text(max_size=6))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_shown_without_control(log: Path, data: bytes, words: str) -> None:
    log.write_bytes(data)
    assert all("\x1b" not in text and "\n" not in text for text in texts(console_of(log)))
    found = console_of(log, words)
    assert found.fitting <= console_of(log).fitting
    lines_html(found, {}, "en")

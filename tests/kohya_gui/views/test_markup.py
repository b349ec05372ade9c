"""Messages as HTML: one line each, and long lists unfold."""

from __future__ import annotations

import pytest

from kohya_gui.views.markup import message
from train_core.config.phrases import joined, phrase
from train_core.config.problems import Problem, problem


def defaults(count: int) -> Problem:
    items = [
        phrase("default_differs", "{name}: {theirs} there, {ours} here", name=f"<s{n}>", theirs="1", ours="2")
        for n in range(count)
    ]
    return problem(
        "sd_scripts_defaults_differ",
        "{count} settings are not in {source} and are something else in sd-scripts by default; set those that "
        "matter to you: {settings}",
        count=count, source="a.toml", settings=joined("semicolon", items),
    )


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_long_list_is_one_line_that_unfolds(language: str) -> None:
    html = str(message(defaults(14), language))
    summary, _, listed = html.partition("</summary>")
    assert summary.startswith("<details><summary>") and "14" in summary and "s3" not in summary
    assert listed.count("<li>") == 14
    assert "&lt;s3&gt;" in listed and "<s3>" not in html


def test_a_short_list_stays_in_its_line() -> None:
    html = str(message(defaults(2), "en"))
    assert "<details>" not in html and "&lt;s1&gt;" in html

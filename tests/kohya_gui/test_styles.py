"""Style sheets that are loaded later say nothing about the page that is there already."""

from __future__ import annotations

import re

import pytest

from kohya_gui.page import ASSETS


def selectors(css: str) -> list[str]:
    """Every selector of a style sheet, those within @media too, each of a list by itself."""
    plain = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    lists = re.findall(r"([^{}]+)\{[^{}]*\}", plain)
    return [one.strip() for of_one_rule in lists for one in re.split(r",(?![^()]*\))", of_one_rule)]


PLACES = [("opened", "#run-details"), ("studio", "#studio"), ("evaluate", "#evaluate")]


@pytest.mark.parametrize(("folder", "place"), PLACES)
def test_every_rule_of_what_is_loaded_later_is_about_its_own_place(folder: str, place: str):
    """Its words, such as `.stage`, have another meaning elsewhere."""
    found = [one for path in sorted(ASSETS.glob(f"{folder}/*.css")) for one in selectors(path.read_text("utf-8"))]
    assert len(found) > 80
    assert [one for one in found if place not in one] == []


def test_selectors_are_read_one_by_one():
    css = "/* .a { } */ #x :is(b, i), .c { color: red; } @media (max-width: 9px) { .d { color: red; } }"
    assert selectors(css) == ["#x :is(b, i)", ".c", ".d"]

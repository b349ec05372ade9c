"""What a step is called in the page's languages, whatever was decided."""

from __future__ import annotations

import pytest

from kohya_gui.i18n.languages import FIRST
from kohya_gui.views.studio.words import step_text
from train_core.studio.decisions import KINDS, MARKS, Step


@pytest.mark.parametrize("language", FIRST)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_decision_has_words_also_where_it_is_taken_away(kind: str, language: str):
    for value in (*MARKS, "4", "portrait", "night", ""):
        told = step_text(Step(1, kind, {"a": ("", value)}, {"value": value}), language)
        assert told and "{" not in told and "ui." not in told
    if kind == "shot":
        assert "night" in step_text(Step(1, kind, {}, {"value": "night"}), language)


def test_stars_and_shots_are_named():
    assert step_text(Step(1, "rating", {"a": ("", "4")}, {"value": "4"}), "en") != step_text(None, "en") == ""
    assert "4" in step_text(Step(1, "rating", {"a": ("", "4")}, {"value": "4"}), "en")


def test_a_step_counts_pictures_where_several_have_the_same_content():
    assert "(96)" in step_text(Step(1, "mark", {"a": (".", "r")}, {"value": "r", "pictures": 96}), "en")

"""The frame of the Evaluate tab: each place is there once, and the scripts have the words that they say."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from kohya_gui.i18n.languages import languages
from kohya_gui.i18n.messages import words_of
from kohya_gui.page import ASSETS
from kohya_gui.views.evaluate import verdict
from kohya_gui.views.evaluate.frame import GROUP, shell_html

VERDICT = Path(verdict.__file__).read_text(encoding="utf-8")
SCRIPTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ASSETS.glob("evaluate/*.js")))


@pytest.mark.parametrize("language", languages())
def test_each_place_is_in_the_frame_once_and_every_one_that_a_script_names_is_there(language: str) -> None:
    frame = shell_html(language)
    places = Counter(re.findall(r'\bid="([\w-]+)"', frame))
    assert [place for place, count in places.items() if count > 1] == []
    drawn = set(re.findall(r'\bid="([\w-]+)"', VERDICT))  # drawn later, into its place
    named = set(re.findall(r'\bat\("(evaluate-[\w-]+)"\)', SCRIPTS))
    assert len(named) > 12
    assert named <= places.keys() | drawn
    assert "{" not in frame


def test_scripts_say_only_words_that_there_are() -> None:
    said = set(re.findall(r'\bsay\("(\w+)"', SCRIPTS))
    assert len(said) > 5
    assert said <= words_of(GROUP, "en").keys()

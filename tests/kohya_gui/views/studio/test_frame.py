"""The frame of the dataset studio: each place is there once, and the scripts have the words that they say."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from kohya_gui.i18n.languages import languages
from kohya_gui.i18n.messages import words_of
from kohya_gui.page import ASSETS
from kohya_gui.views.studio.frame import GROUP, shell_html

SCRIPTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ASSETS.glob("studio/*.js")))


@pytest.mark.parametrize("language", languages())
def test_each_place_is_in_the_frame_once_and_every_one_that_a_script_names_is_there(language: str):
    places = Counter(re.findall(r'\bid="([\w-]+)"', shell_html(language)))
    assert [place for place, count in places.items() if count > 1] == []
    named = set(re.findall(r'\bat\("(studio-[\w-]+)"\)', SCRIPTS))
    assert len(named) > 30
    assert named <= places.keys()


def test_scripts_say_only_words_that_there_are():
    said = set(re.findall(r'\bsay\("(\w+)"', SCRIPTS))
    assert len(said) > 30
    assert said <= words_of(GROUP, "en").keys()


@pytest.mark.parametrize("language", languages())
def test_words_keep_their_placeholders_for_the_script(language: str):
    assert "{key}" in words_of(GROUP, language)["bulk_done"]
    assert "{" not in shell_html(language)

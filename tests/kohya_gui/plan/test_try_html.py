"""The card of a try."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohya_gui.plan.try_html import other_try_html, try_html
from tests.kohya_gui.views.test_escaping import HOSTILE, Elements
from train_core.events.coerce import build
from train_core.events.kinds import Tried

GIB = 2**30
NOON = datetime(2030, 5, 1, 12, 0)
FOUND = Tried(
    work="0" * 16, device="cuda", card="RTX 3060", steps=8, seconds_per_step=0.512, peak_memory=6 * GIB,
    total_steps=1_600, pictures=10, seconds_per_picture=3.0, seconds=900.0, free_memory=9 * GIB, total_memory=12 * GIB,
    holders={"firefox": 2 * GIB, "game.exe": GIB}, batch_size=1, largest_batch=3, largest_was_done=True,
    values={"train_batch_size": 3},
)  # fmt: skip


def test_the_card_tells_time_memory_holders_batch_and_hour():
    html = try_html(FOUND, "en", NOON)
    for told in (
        "RTX 3060", "0.512 s", "15:00</b>", "1,600 steps and 10 pictures", "12:15", "6.0 GiB",
        "9.0 GiB of 12.0 GiB were free", "firefox 2.0 GiB, game.exe 1.0 GiB", "The largest batch that fits: 3",
        "data-put=\"{&#34;train_batch_size&#34;: 3}\"", "Set “Train batch size” to 3",
    ):  # fmt: skip
        assert told in html


def test_an_end_on_another_day_has_its_date():
    assert "2030-05-03 12:00" in try_html(replace(FOUND, seconds=2 * 86_400.0), "en", NOON)


def test_a_batch_that_does_not_fit_is_said_without_times():
    html = try_html(replace(FOUND, seconds_per_step=None, seconds=None, batch_size=8), "en", NOON)
    assert "A batch of 8 does not fit" in html
    assert "Ends at" not in html
    assert "nan" not in html.lower()


def test_what_was_only_expected_is_said_so():
    assert "should fit, though it was not tried: 3" in try_html(replace(FOUND, largest_was_done=False), "en", NOON)


def test_values_of_no_setting_get_no_button():
    html = try_html(replace(FOUND, values={"nothing_of_ours": 1, "train_batch_size": [1]}), "en", NOON)
    assert "<button" not in html


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_names_of_programs_and_cards_stay_text(language: str):
    hostile = replace(FOUND, card=HOSTILE, holders={HOSTILE: GIB}, values={"output_name": HOSTILE})
    found = Elements(str(try_html(hostile, language, NOON)))
    assert not {"script", "img"} & set(found.tags)
    assert not [name for name in found.attributes if name.startswith("on")]


def test_the_memory_is_the_cards_or_the_computers():
    on_card, on_processor = (try_html(replace(FOUND, device=device), "en", NOON) for device in ("cuda", "cpu"))
    assert "What else holds the card's memory" in on_card.unescape()
    assert "What else holds memory" in on_processor


def test_the_chinese_card_is_chinese():
    html = try_html(FOUND, "zh-CN", NOON)
    assert "放得下的最大批次：3" in html
    assert not re.search("Ends|Memory|Each", html)


numbers = st.none() | st.integers() | st.floats() | st.text()
COUNTS = (
    "seconds_per_step", "peak_memory", "total_steps", "pictures", "seconds", "free_memory", "total_memory",
    "batch_size", "largest_batch", "steps",
)  # fmt: skip
by_name = st.dictionaries(st.text(), numbers)
lines = st.fixed_dictionaries({}, optional={**dict.fromkeys(COUNTS, numbers), "holders": by_name, "values": by_name})


@given(lines)
def test_whatever_a_file_says_can_be_shown(line: dict):
    assert "<section" in try_html(build(Tried, line), "en", NOON)
    assert isinstance(build(Tried, line).words(), str)


def test_what_was_found_of_other_settings_is_not_told_of_these():
    html = other_try_html(FOUND, "en")
    assert "other settings" in html
    assert "0.512" not in html
    assert "data-put" not in html


def test_the_end_is_told_of_a_training_of_the_same_length_alone():
    html = try_html(FOUND, "en", NOON, whole=False)
    assert "0.512 s" in html
    assert "Ends at" not in html

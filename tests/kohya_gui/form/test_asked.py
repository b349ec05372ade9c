"""What prompts ask in which steps, under the field in which they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.form.asked import MOST_ROWS, asked_html, prompt_messages
from kohya_gui.i18n.languages import languages
from tests.kohya_gui.views.test_escaping import HOSTILE, Elements
from train_core.facts.prompts.prompt_lines import PromptDefaults

DEFAULTS = PromptDefaults(64, 64, "euler", 4)


def rows(typed: str, loads_networks: bool = True) -> list[str]:
    html = str(asked_html(typed, DEFAULTS, "en", loads_networks))
    return [Elements(row).shown for row in html.split("<tr>")[2:]]


def test_prompts_that_change_are_shown_step_by_step() -> None:
    assert rows("a cat\na [fox:owl:0.5] --n [red:0.5]\n{a|a} AND b --d 1") == [
        "21–3a fox", "24–4a owlred", "31–4a :1 AND b :1",
    ]  # fmt: skip
    assert rows("a <lora:x:1:stop=2>") == ["11–1a  <lora:x:1:stop=2>", "12–4a "]
    assert rows("a <lora:x:1:stop=2>", loads_networks=False) == []


@pytest.mark.parametrize("typed", ["", "a cat", "a --q 1", "nowhere/prompts.txt"])
def test_there_is_no_table_where_nothing_changes_or_can_be_read(typed: str) -> None:
    assert asked_html(typed, DEFAULTS, "en", loads_networks=True) == ""


def test_a_long_table_ends_and_prompts_stay_text() -> None:
    assert len(rows("[a|b] --s 100")) == MOST_ROWS + 1
    for language in languages():
        page = Elements(str(asked_html(f"[{HOSTILE}|b]", DEFAULTS, language, loads_networks=True)))
        assert "script" not in page.tags and "onerror" not in page.attributes and "alert(1)" in page.shown


def test_what_is_wrong_with_prompts_or_odd_is_said_without_looking_at_files(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a --q 1")
    assert "unknown flag --q" in prompt_messages("a --q 1", DEFAULTS, "en")
    assert 'class="warning"' in prompt_messages("a (b:1.9)", DEFAULTS, "en")
    assert not prompt_messages("a __colour__", DEFAULTS, "en")
    assert not prompt_messages(str(tmp_path / "prompts.txt"), DEFAULTS, "en")

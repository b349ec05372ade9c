"""The report on an imported file, on the page and in the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kohya_gui.views.import_html import report_html
from kohya_gui.views.import_words import groups_of, report_lines, value_text
from train_core.config.interop.imports.recognise import import_text
from train_core.config.interop.imports.report import Import

GIVEN: dict[str, Any] = {
    "max_resolution": "768x512", "LoRA_type": "Standard", "network_dim": 16, "v2": False, "sdxl": True, "vae": "",
    "pretrained_model_name_or_path": "owner/model", "future_field": "<script>alert(1)</script>", "epoch": 2,
}  # fmt: skip


def read(**given: Any) -> Import:
    return import_text(json.dumps({**GIVEN, **given}), Path("a.json"), None)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_one_panel_holds_every_group_with_its_count(language: str) -> None:
    found = read()
    html = report_html(found, language)
    assert html.count("<section") == 1
    for group in groups_of(found, language):
        assert f'id="import-{group.kind}"' in html
        assert re.search(rf"{re.escape(group.title)} <b>{group.count}</b>", html)
    assert 'id="import-needs" open' in html
    assert 'id="import-taken">' in html


def test_what_asks_for_an_answer_comes_first() -> None:
    assert [group.kind for group in groups_of(read(), "en")][:2] == ["needs", "not_understood"]


def test_a_question_names_the_setting_that_waits_for_its_answer() -> None:
    assert 'data-setting="pretrained_model_name_or_path"' in report_html(read(), "en")


def test_values_of_the_file_are_escaped() -> None:
    assert "<script>" not in report_html(read(**{"<img src=x>": 1}), "en")
    assert "<img" not in report_html(read(**{"<img src=x>": 1}), "en")


def test_every_key_that_matters_is_in_the_terminals_report() -> None:
    text = "\n".join(report_lines(read(), "en"))
    assert "Settings of kohya_ss (LoRA, SDXL)" in text
    assert "max_resolution = 768x512 → resolution = 768,512" in text
    assert "epoch = 2 → max_train_epochs = 2" in text
    assert "future_field" in text
    assert "network_dim = 16" in text


def test_the_report_is_in_the_users_language_and_calls_settings_by_their_labels() -> None:
    lines = list(report_lines(read(), "zh-CN"))
    assert lines[0] == "kohya_ss 的设置（LoRA, SDXL）"
    changed = next(line for line in lines if "max_resolution" in line)
    assert "分辨率（resolution） = 768,512" in changed
    assert "在这里名称不同" in changed


@pytest.mark.parametrize(("value", "text"), [
    (True, "true"), (None, "–"), (0.0001, "1e-4"), (["a", 1], "a 1"), ("a\nb", "a b"), ("", "–"), ([], "–"),
    ({"a": 1}, "a = 1"), (10**400, "1" + 78 * "0" + "…"),
])
def test_values_are_written_as_people_do(value: Any, text: str) -> None:
    assert value_text(value)[:79] == text[:79]
    assert len(value_text(value)) <= 80

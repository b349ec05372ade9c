"""A terminal is answered in the language of its variables."""

from __future__ import annotations

import pytest

from kohya_gui import cli
from kohya_gui.i18n.languages import languages
from kohya_gui.i18n.messages import text
from kohya_gui.i18n.spoken import error, in_columns, spoken, warning
from kohya_gui.runs import terminal
from train_core.config.phrases import joined, phrase
from train_core.config.problems import problem
from train_core.events.kinds import Finished, Saved
from train_core.events.printing import Printer

FOUND = problem("no_such_preset", "The preset {name} no longer exists. Choose another one.", name="mine")


@pytest.fixture
def locale(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A terminal without variables for its language."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_a_language_it_is_english(locale: pytest.MonkeyPatch):
    assert spoken(FOUND) == FOUND.text
    assert spoken(warning(FOUND)) == f"Warning: {FOUND.text}"
    assert spoken(error(FOUND)) == f"Error: {FOUND.text}"
    assert spoken("plain") == "plain"


@pytest.mark.parametrize("language", [tag for tag in languages() if tag != "en"])
def test_problems_and_phrases_are_said_in_the_language_of_the_terminal(language: str, locale: pytest.MonkeyPatch):
    locale.setenv("LANG", f"{language.replace('-', '_')}.UTF-8")
    told = text("message.no_such_preset", language, name="mine")
    assert spoken(FOUND) == told
    assert spoken(error(FOUND)) == text("phrase.said_error", language, text=told)
    ended = phrase("run_complete", "The run is complete.")
    assert text("phrase.run_complete", language) in spoken(joined("semicolon", [ended, "x"]))
    assert spoken("plain") == "plain"


def test_events_are_printed_in_the_language_of_the_terminal(locale: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    locale.setenv("LC_ALL", "zh_TW.UTF-8")
    printer = Printer(say=spoken)
    printer.show(Saved("zuko.safetensors", 9, 3, True))
    printer.show(Finished("completed", "zuko.safetensors", 9))
    assert capsys.readouterr().out.splitlines() == ["已儲存：zuko.safetensors", "訓練已完成。"]


def test_a_refused_job_says_why_in_the_language_of_the_terminal(
    locale: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path
):
    locale.setenv("CRUCIBLE_HOME", str(tmp_path))
    locale.setenv("LANG", "zh_TW.UTF-8")
    assert terminal.run("train", tmp_path / "gone.toml", {}) == 1
    assert capsys.readouterr().err.startswith("錯誤：找不到檔案")
    assert cli.main(["queue", "at-once", "0"]) == 1
    assert "不能同時執行" in capsys.readouterr().err


def test_chinese_letters_take_two_columns():
    assert in_columns("running", 8) == "running "
    assert in_columns("執行中", 8) == "執行中  "
    assert in_columns("longer than it", 8) == "longer than it"

"""The page as it is described to browsers."""

from __future__ import annotations

import re

import pytest

from kohya_gui.page import build_page
from kohya_gui.tabs import about
from kohya_gui.tabs.context import PageContext


def test_no_event_marks_its_outputs_as_loading(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """gradio looks through the whole page for each of them; with a form of 300 fields that takes seconds."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    events = build_page(PageContext(language="en", headless=True)).config["dependencies"]
    assert len(events) > 40
    assert [event["targets"] for event in events if event["show_progress_on"] != []] == []


def test_few_events_wait_for_each_other_when_the_page_is_opened(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser asks for each by itself, and can listen to their answers only when all have been asked for."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    events = build_page(PageContext(language="en", headless=True)).config["dependencies"]
    loading = [event for event in events if any(name == "load" for _, name in event["targets"])]
    assert len(loading) == 3  # the form, what is happening, the tools
    assert len({output for event in loading for output in event["outputs"]}) > 280


def test_events_are_not_described_for_programs_which_would_be_most_of_the_page(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    told = build_page(PageContext(language="en", headless=True)).get_api_info()
    assert not told["named_endpoints"]
    assert not told["unnamed_endpoints"]


def guide_tab_is_visible() -> bool:
    parts = build_page(PageContext(language="en", headless=True)).config["components"]
    [tab] = [part["props"] for part in parts if part["props"].get("elem_id") == "tab-about"]
    return bool(tab["visible"])


def test_a_copy_without_guides_has_no_guide_tab(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    assert guide_tab_is_visible()
    monkeypatch.setattr(about, "app_dir", lambda: tmp_path)
    assert not guide_tab_is_visible()


def test_a_language_without_a_guide_gets_the_english_one(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(about, "app_dir", lambda: tmp_path)
    for name in ("guide.md", "ja/guide.md"):
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# Guide", encoding="utf-8")
    assert list(about.guides()) == ["en", "ja"]
    shown = dict(re.findall(r":lang\(([\w-]+)\):not\(#guide-([\w-]+)\)", about.hidden_guides()))
    assert shown == {"en": "en", "zh-CN": "en", "zh-TW": "en", "ja": "ja"}

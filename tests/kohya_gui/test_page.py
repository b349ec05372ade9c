"""The page as it is described to browsers."""

from __future__ import annotations

import pytest

from kohya_gui.page import build_page
from kohya_gui.tabs.context import PageContext


def test_no_event_marks_its_outputs_as_loading(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """gradio looks through the whole page for each of them; with a form of 300 fields that takes seconds."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    events = build_page(PageContext(language="en", headless=True)).config["dependencies"]
    assert len(events) > 40
    assert [event["targets"] for event in events if event["show_progress_on"] != []] == []

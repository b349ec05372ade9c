"""The cards are asked rarely, and only while a run is at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.runs import card_watch, registry
from kohya_gui.runs.card_watch import FRESH, WITHOUT, CardWatch, states_now
from kohya_gui.views.card_html import cards_html
from tests.trained import trained_run
from train_core.facts.machine.card_state import CardState

CARD = CardState("Card <1>", 97, 71, 168, 3 * 2**30, 12 * 2**30)


@pytest.mark.parametrize(("answer", "good_for"), [([CARD], FRESH), ([], WITHOUT)])
def test_an_answer_is_good_for_a_while_and_longer_if_there_is_nothing(
    answer: list[CardState], good_for: float
) -> None:
    asked: list[float] = []
    clock = [100.0]

    def read() -> list[CardState]:
        asked.append(clock[0])
        return answer

    watch = CardWatch(read, lambda: clock[0])
    for share in (0, 0.5, 1, 1.5):
        clock[0] = 100.0 + share * good_for
        assert watch.states() == answer
    assert asked == [100.0, 100.0 + good_for]


@pytest.mark.parametrize("at_work", [True, False])
def test_no_program_is_asked_while_nothing_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_work: bool
) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    asked: list[int] = []
    monkeypatch.setattr(card_watch, "_watch", lambda: CardWatch(lambda: asked.append(1) or [CARD]))
    trained_run("20260101-000000-owl", tmp_path)
    trained_run("20260102-000000-fox", tmp_path, "")
    monkeypatch.setattr(registry, "is_held", lambda folder: at_work and folder.name.endswith("fox"))
    assert states_now() == ([CARD] if at_work else [])
    assert asked == [1] * at_work


def test_what_is_not_known_of_a_card_is_left_out() -> None:
    html = cards_html([CARD, CardState("old", temperature=40)], "en")
    first, second = html.split('<div class="card-state">')[1:]
    assert "Card &lt;1&gt;" in first
    assert [value in first for value in ("97 %", "71 °C", "168 W", "3.0 GiB / 12.0 GiB")] == [True] * 4
    assert second.count("<span>") == 1
    assert cards_html([], "en") == ""

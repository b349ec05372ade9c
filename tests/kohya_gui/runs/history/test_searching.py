"""Runs are found by name, note, tag and status, fifty to a page, and only changed ones are read again."""

from __future__ import annotations

import pytest

from kohya_gui.runs.history import searching
from kohya_gui.runs.history.notes import write_note
from kohya_gui.runs.history.searching import PAGE, Query, search
from kohya_gui.runs.history.summary import summary_of
from tests.kohya_gui.runs.history.conftest import MakeRun


def names(query: Query) -> list[str]:
    return [row.info.name for row in search(query).rows]


def test_words_are_sought_in_name_note_and_tags_in_any_order(make_run: MakeRun) -> None:
    fox, owl = make_run("20260101-000000-fox"), make_run("20260102-000000-Eule")
    write_note(fox, "Augen ab Epoche 6 gut", "keeper")
    write_note(owl, "zu stark", "v-pred, 夜")
    assert names(Query()) == ["Eule", "fox"]
    assert names(Query("gut fox")) == names(Query("KEEPER")) == ["fox"]
    assert names(Query("eule 夜")) == ["Eule"]
    assert names(Query("fox stark")) == []
    assert names(Query(tag="v-pred")) == ["Eule"]
    assert search(Query()).tags == ("keeper", "v-pred", "夜")


def test_statuses_are_chosen_by_group(make_run: MakeRun) -> None:
    for number, status in enumerate(("completed", "stopped", "paused", "failed"), 1):
        make_run(f"2026010{number}-000000-{status}", status=status)
    lost = make_run("20260105-000000-lost")
    (lost / "events.jsonl").write_text("", "utf-8")
    found = {group: names(Query(group=group)) for group in searching.GROUPS}
    assert found == {
        "all": ["lost", "failed", "paused", "stopped", "completed"], "active": [], "completed": ["completed"],
        "early": ["paused", "stopped"], "failed": ["lost", "failed"],
    }  # fmt: skip


@pytest.mark.parametrize(("page", "expected"), [(1, 1), (2, 2), (3, 2), (-7, 1)])
def test_a_page_has_fifty_runs_and_one_beyond_the_end_is_the_last(
    make_run: MakeRun, page: int, expected: int
) -> None:
    for number in range(PAGE + 3):
        make_run(f"20260101-{number:06}-{number}")
    found = search(Query(page=page))
    assert (found.page, found.pages, found.found) == (expected, 2, PAGE + 3)
    assert len(found.rows) == (PAGE if expected == 1 else 3)
    assert found.rows[0].info.name == (str(PAGE + 2) if expected == 1 else "2")


def test_only_the_runs_of_the_page_are_read(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(PAGE + 3):
        make_run(f"20260101-{number:06}-{number}")
    read: list[str] = []
    monkeypatch.setattr(searching, "summary_of", lambda folder: read.append(folder.name) or summary_of(folder))
    search(Query(page=2))
    assert len(read) == 3


def test_runs_that_wait_are_not_history(make_run: MakeRun) -> None:
    (make_run("20260101-000000-waits") / "events.jsonl").unlink()
    assert names(Query()) == []

"""The event stream: whole lines only, torn ones never lost or guessed, requests answered once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import problem
from train_core.events import EventLog, Follower, emit_problems, read_events, request, take_requests


def test_events_come_back_in_order_after_the_schema(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.write("progress", step=1, loss=0.5)
    log.write("sample", path="样本.png")
    assert [(e["kind"], e.get("step")) for e in read_events(tmp_path / "events.jsonl")] == [
        ("schema", None), ("progress", 1), ("sample", None),
    ]


@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_a_follower_sees_each_event_once_wherever_the_file_is_cut(cuts: list[int], tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    whole = b"".join(json.dumps({"kind": "progress", "step": n}).encode() + b"\n" for n in range(12))
    follower, seen, at = Follower(path), [], 0
    for cut in [*cuts, len(whole)]:
        with path.open("ab") as file:
            file.write(whole[at : at + cut])
        at += cut
        seen += [event["step"] for event in follower.new()]
    assert seen == list(range(12))


def test_a_line_torn_by_a_crash_is_dropped_and_the_next_process_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventLog(path).close()
    with path.open("ab") as file:
        file.write(b'{"kind": "progr')
    EventLog(path).write("finished", status="completed")
    assert [e["kind"] for e in read_events(path)] == ["schema", "finished"]


def test_problems_are_sent_with_code_text_and_parameters() -> None:
    sent: list[tuple[str, dict]] = []
    emit_problems(lambda kind, **fields: sent.append((kind, fields)), "warning",
                  [problem("odd", "{path} is odd.", path=Path("/a"))])
    assert sent == [("warning", {"code": "odd", "text": f"{Path('/a')} is odd.", "params": {"path": str(Path("/a"))}})]


def test_a_request_is_taken_once(tmp_path: Path) -> None:
    request(tmp_path, "stop")
    request(tmp_path, "save")
    assert take_requests(tmp_path) == {"stop": "", "save": ""}
    assert take_requests(tmp_path) == {}
    with pytest.raises(ValueError, match="known are stop"):
        request(tmp_path, "dance")


def test_a_request_that_carries_a_value_waits_until_the_value_is_written(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    typed = tmp_path / "control" / "learning_rate.txt"  # as an editor on Windows names it
    typed.touch()
    assert take_requests(tmp_path) == {}
    typed.write_text("x0.1\r\n", encoding="utf-8-sig")
    assert take_requests(tmp_path) == {"learning_rate": "x0.1"}
    assert not typed.exists()

"""The event stream: whole lines only, torn ones never lost or guessed, whatever stands in them; requests once."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.odd_events import any_line
from train_core.config.problems import problem
from train_core.events.event import KINDS, Event, Unknown, event
from train_core.events.kinds import (
    Acknowledged,
    Conclusion,
    Finished,
    Progress,
    RateFound,
    SampleDrawn,
    Stage,
    Started,
    Table,
    Validated,
    WarningEvent,
)
from train_core.events.log import EventLog, emit_problems
from train_core.events.printing import Printer
from train_core.events.reading import Follower, parse, read_events
from train_core.events.requests import request, take_requests

PROGRESS = Progress(
    step=3, total_steps=9, epoch=1, epochs=3, loss=0.5, average=0.25, lr={"unet": 1e-4}, speed=2.0, eta=3.0
)
OF_EVERY_SHAPE = [
    Started(job="train", output_name="x", total_steps=9, epochs=3, seed=0, versions={"torch": "2"}),
    Stage(name="checking", pid=7), Stage(name="caching", done=0, total=4), PROGRESS,
    SampleDrawn(path="样本.png", prompt="a fox", index=0, step=3, epoch=None, seed=1),
    Validated(step=3, epoch=1, loss=None, best_step=None, best_loss=None),
    RateFound(
        rate=1e-4, settled=True, steps=9, suggestions={"Lion": {"unet_lr": 1e-5}}, unet_lr=1e-4, text_encoder_lr=5e-5
    ),
    Table(name="norms", columns=["block", "norm"], rows=[["all", 1.5], ["down_0", 2]]),
    Acknowledged(request="stop", step=3), Acknowledged(request="learning_rate", step=3, value="x0.1"),
    WarningEvent("odd", "5 is odd.", {"number": 5}),
    Finished(status="completed", path=None, step=9, validation=Conclusion(1, 3, 0.25, False, None)),
]  # fmt: skip


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_events_come_back_as_they_were_sent_after_the_schema(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    for sent in OF_EVERY_SHAPE:
        log.write(sent)
    schema, *read = read_events(tmp_path / "events.jsonl")
    assert schema.kind == "schema"
    timeless = [{**vars(one), "time": None} for one in read]
    assert json.dumps(timeless, default=vars) == json.dumps([vars(one) for one in OF_EVERY_SHAPE], default=vars)
    assert [type(one) for one in read] == [type(one) for one in OF_EVERY_SHAPE]


def test_lines_hold_what_other_programs_expect_and_nothing_that_is_not_known(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    for sent in OF_EVERY_SHAPE:
        log.write(sent)
    written = [{name: value for name, value in line.items() if name != "time"} for line in lines(log_path(tmp_path))]
    assert [json.dumps(line) for line in written[:5]] == [
        '{"kind": "schema", "schema": 1}',
        '{"kind": "started", "job": "train", "output_name": "x", "total_steps": 9, "epochs": 3, "seed": 0, '
        '"versions": {"torch": "2"}}',
        '{"kind": "stage", "name": "checking", "pid": 7}',
        '{"kind": "stage", "name": "caching", "done": 0, "total": 4}',
        '{"kind": "progress", "step": 3, "total_steps": 9, "epoch": 1, "epochs": 3, "loss": 0.5, "average": 0.25, '
        '"lr": {"unet": 0.0001}, "speed": 2.0, "eta": 3.0}',
    ]
    assert written[6] == {
        "kind": "validation", "step": 3, "epoch": 1, "loss": None, "best_step": None, "best_loss": None,
    }  # fmt: skip
    assert [written[place] for place in (9, 10)] == [
        {"kind": "ack", "request": "stop", "step": 3},
        {"kind": "ack", "request": "learning_rate", "step": 3, "value": "x0.1"},
    ]
    assert written[-1]["validation"] == {
        "best_epoch": 1, "best_step": 3, "best_loss": 0.25, "overfitted": False, "nearest": None,
    }  # fmt: skip


def log_path(folder: Path) -> Path:
    return folder / "events.jsonl"


@given(any_line)
def test_whatever_a_line_holds_it_is_read_with_the_types_that_the_event_has(line: dict[str, Any]) -> None:
    read = parse(json.dumps(line).encode())
    assert type(read) is KINDS.get(line["kind"], Unknown)
    printed = io.StringIO()
    with redirect_stdout(printed):
        Printer().show(read)
    printed.getvalue().encode("utf-8")
    assert read.pid is None or isinstance(read.pid, int)
    assert read.time is None or isinstance(read.time, float)
    for name in ("step", "total_steps", "index"):
        assert isinstance(getattr(read, name, None) or 0, int)
    for row in getattr(read, "rows", ()):
        assert len(row) == len(read.columns)
    assert getattr(read, "status", "failed") in ("completed", "stopped", "paused", "failed")


@given(st.binary() | st.recursive(st.just(b"[]"), lambda inner: inner.map(lambda some: b"[" + some)))
def test_bytes_that_are_no_event_are_none(data: bytes) -> None:
    read = parse(data)
    assert read is None or isinstance(read, Event)


@pytest.mark.parametrize("line", [b"[" * 200_000, b'{"kind": 3}', b'{"kind": ["stage"]}', b"\xff\xfe\x00", b"", b"1"])
def test_lines_that_break_readers_are_none(line: bytes) -> None:
    assert parse(line) is None


def test_what_does_not_fit_is_dropped_and_the_rest_is_kept() -> None:
    read = parse(
        b'{"kind": "progress", "step": 4.0, "total_steps": "many", "loss": NaN, "average": 1e999, "speed": 3, '
        b'"lr": {"unet": 1e-4, "text_encoder": "fast"}, "later": 1, "time": "noon"}'
    )
    assert read == Progress(
        step=4, total_steps=0, epoch=0, epochs=0, loss=None, average=None, lr={"unet": 1e-4}, speed=3.0, eta=None
    )
    assert parse(b'{"kind": "finished", "status": "vanished"}') == Finished(status="failed", path=None, step=None)
    assert parse(b'{"kind": "later", "pid": 5, "name": "x"}') == Unknown(name="later", pid=5)


@event("toy")
@dataclass(frozen=True)
class Toy(Event):
    """A toy is wound up."""

    turns: int
    parts: Mapping[str, float]
    note: str = ""

    def words(self) -> str:
        return f"Toy: {self.turns} turns"


def test_an_event_of_ones_own_is_written_followed_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, follower = EventLog(log_path(tmp_path)), Follower(log_path(tmp_path))
    log.write(Toy(turns=3, parts={"spring": 0.5}))
    toy = follower.new()[-1]
    assert isinstance(toy, Toy)
    assert (toy.turns, toy.parts, toy.note) == (3, {"spring": 0.5}, "")
    Printer().show(toy)
    assert capsys.readouterr().out == "Toy: 3 turns\n"
    with pytest.raises(ValueError, match="toy already"):
        event("toy")(Toy)


@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_a_follower_sees_each_event_once_wherever_the_file_is_cut(cuts: list[int], tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    whole = b"".join(json.dumps({"kind": "progress", "step": n}).encode() + b"\n" for n in range(12))
    follower, seen, at = Follower(path), [], 0
    for cut in [*cuts, len(whole)]:
        with path.open("ab") as file:
            file.write(whole[at : at + cut])
        at += cut
        seen += [event.step for event in follower.new()]
    assert seen == list(range(12))


def test_a_line_torn_by_a_crash_is_dropped_and_the_next_process_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventLog(path).close()
    with path.open("ab") as file:
        file.write(b'{"kind": "progr')
    EventLog(path).write(Finished(status="completed", path=None, step=None))
    assert [e.kind for e in read_events(path)] == ["schema", "finished"]


def test_problems_are_sent_with_code_text_and_parameters() -> None:
    sent: list[Event] = []
    emit_problems(sent.append, WarningEvent, [problem("odd", "{path} is odd.", path=Path("/a"))])
    assert sent == [WarningEvent("odd", f"{Path('/a')} is odd.", {"path": str(Path("/a"))})]
    assert sent[0].kind == "warning"


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

"""The queue's file keeps every run that was added, in order, whoever changes it and whatever else is in the file."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kohya_gui.runs.queue.queue_file import Entry, Queue, change, load, queue_file, to_text
from train_core.config.phrases import phrase
from train_core.config.problems import UserError, problem

NAMES = st.builds("20260101-0000{:02d}-{}".format, st.integers(0, 59), st.sampled_from(["a", "家 b", "c d"]))
SECONDS = st.floats(min_value=1, max_value=4e9)
REASONS = st.builds(
    lambda words: problem("x", "no: {why}", why=phrase("y", "because {words}", words=words)), st.text(max_size=9)
)
ENTRIES = st.builds(
    Entry, NAMES, st.just(0.0) | SECONDS, st.lists(REASONS, max_size=2).map(tuple), st.text(max_size=5)
)
QUEUES = st.builds(
    Queue, st.lists(ENTRIES, max_size=5, unique_by=lambda entry: entry.run).map(tuple), st.booleans(),
    st.integers(1, 16), st.sampled_from(["nothing", "notify", "command", "power_off"]),
    st.lists(st.text(max_size=9), max_size=3).map(tuple), st.just(0.0) | SECONDS, st.just(0.0) | SECONDS,
    st.none() | REASONS,
)
MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4), max_leaves=8,
)
FIELDS = ("entries", "paused", "at_once", "when_empty", "command", "emptied", "power_off_at", "trouble")


def put(text: str | bytes) -> None:
    queue_file().parent.mkdir(parents=True, exist_ok=True)
    queue_file().write_bytes(text if isinstance(text, bytes) else text.encode())


@MANY
@given(queue=QUEUES)
def test_a_queue_is_read_as_it_was_written(queue: Queue) -> None:
    put(to_text(queue))
    assert load() == queue


@MANY
@given(content=st.binary(max_size=80))
def test_a_damaged_file_is_reported_and_left_alone(content: bytes) -> None:
    put(content)
    with pytest.raises(UserError, match="queue"):
        change(lambda queue: replace(queue, paused=True))
    assert queue_file().read_bytes() == content


@MANY
@given(fields=st.dictionaries(st.sampled_from(FIELDS), JSON), rows=st.lists(JSON | st.fixed_dictionaries({
    "run": NAMES | JSON, "not_before": JSON, "refused": JSON, "before": JSON,
}), max_size=4))
def test_values_that_make_no_sense_become_the_default(fields: dict, rows: list) -> None:
    put(json.dumps({"version": 1, "entries": rows, **fields}, allow_nan=False, default=str) if _finite(fields, rows)
        else '{"version": 1}')
    queue = load()
    put(to_text(queue))
    assert load() == queue
    runs = [entry.run for entry in queue.entries]
    assert len(set(runs)) == len(runs)
    assert all("/" not in run and run != ".." for run in runs)


def _finite(*values: object) -> bool:
    try:
        return bool(json.dumps(values, allow_nan=False))
    except ValueError:
        return False


def test_a_file_of_a_later_version_is_not_written_over() -> None:
    put('{"version": 2, "entries": []}')
    with pytest.raises(UserError, match="version"):
        change(lambda queue: replace(queue, paused=True))
    assert "2" in queue_file().read_text()


@MANY
@given(steps=st.lists(st.tuples(st.sampled_from(["add", "remove", "replace"]), NAMES), max_size=12))
def test_any_changes_keep_every_other_run_in_its_order(steps: list[tuple[str, str]]) -> None:
    queue_file().unlink(missing_ok=True)
    expected: list[str] = []
    for what, run in steps:
        if what == "remove":
            change(lambda queue, run=run: queue.without(run))
            expected = [name for name in expected if name != run]
        else:
            change(lambda queue, run=run: queue.with_entry(Entry(run)))
            expected += [] if run in expected else [run]
        assert [entry.run for entry in load().entries] == expected


def test_pages_that_add_at_the_same_moment_lose_nothing() -> None:
    runs = [f"20260101-0000{number:02d}-x" for number in range(24)]
    threads = [
        threading.Thread(target=lambda part=part: [
            change(lambda queue, run=run: queue.with_entry(Entry(run))) for run in runs[part::4]
        ]) for part in range(4)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry.run for entry in load().entries) == runs

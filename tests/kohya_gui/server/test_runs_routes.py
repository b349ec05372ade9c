"""The Runs tab's own routes: only what is new is sent, refusals are told, and no file but a run's own is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kohya_gui.runs.history.notes import read_notes
from kohya_gui.runs.queue.queue_file import load
from kohya_gui.server.app import Served
from kohya_gui.server.run_acts import ACTS
from tests.kohya_gui.server.serving import RUN, post, served
from train_core.config.places import runs_dir


@pytest.fixture(scope="module")
def page(home) -> Iterator[Served]:
    with served() as page:
        yield page


def test_only_what_has_changed_is_sent_again(client: httpx.Client) -> None:
    first = post(client, "look", {})
    assert [run for run, html in first["lists"]["history-rows"] if html] == [RUN]
    again = post(client, "look", {"known": first["sums"]})
    assert (again["parts"], again["lists"]["history-rows"]) == ({}, [[RUN, None]])
    post(client, "act", {"act": "note", "run": RUN, "note": "words", "tags": "good"})
    after = post(client, "look", {"known": first["sums"]})
    assert set(after["parts"]) == {"history-tags"}
    assert "words" in after["lists"]["history-rows"][0][1]
    assert read_notes(runs_dir() / RUN).tags == ("good",)


def test_everything_is_said_in_the_readers_language(client: httpx.Client) -> None:
    assert "History" in post(client, "look", {})["parts"]["history-head"]
    assert "训练记录" in post(client, "look", {}, "zh-CN")["parts"]["history-head"]
    assert "队列" in post(client, "act", {"act": "up", "run": "20260101-000000-none"}, "zh-CN")["error"]


def test_the_queue_is_set_as_a_whole(client: httpx.Client) -> None:
    for act, value in (("queue_pause", ""), ("at_once", "3"), ("when_empty", "notify")):
        assert "error" not in post(client, "act", {"act": act, "value": value})
    queue = load()
    assert (queue.paused, queue.at_once, queue.when_empty) == (True, 3, "notify")
    post(client, "act", {"act": "queue_go"})
    assert not load().paused


@pytest.mark.parametrize("value", ["0", "17", "x", "", "99999999999", "²"])
def test_a_number_that_makes_no_sense_is_refused(client: httpx.Client, value: str) -> None:
    assert "not possible" in post(client, "act", {"act": "at_once", "value": value})["error"]


def test_nobody_can_set_a_command_from_the_page(client: httpx.Client) -> None:
    assert "terminal" in post(client, "act", {"act": "when_empty", "value": "command", "command": "touch x"})["error"]
    assert load().command == ()


@pytest.mark.parametrize("act", sorted({*ACTS, "no such act"} - {
    "queue_pause", "queue_go", "at_once", "when_empty", "stay_on",
}))  # fmt: skip
@pytest.mark.parametrize("run", ["", "..", "../../x", "20260101-000000-gone"])
def test_what_is_asked_of_a_run_that_is_not_there_is_refused(client: httpx.Client, act: str, run: str) -> None:
    assert post(client, "act", {"act": act, "run": run, "time": "23:00", "settings": "a = 1"})["error"]


def test_a_run_gives_its_settings_and_its_picture_alone(client: httpx.Client, home) -> None:
    assert post(client, "act", {"act": "load", "run": RUN})["load"] == str(runs_dir() / RUN / "config.toml")
    assert client.get(f"runs/{RUN}/thumbnail/secret.txt").status_code == 404  # the events name it, but it is no picture
    for name in ("other.png", "drawn.png", "..", "config.toml"):  # the newest sample is no picture
        assert client.get(f"runs/{RUN}/thumbnail/{name}").status_code == 404


def test_other_pages_and_other_methods_are_turned_away(client: httpx.Client) -> None:
    theirs = {"Origin": "https://attacker.example"}
    assert client.post("runs/act", json={"act": "queue_pause"}, headers=theirs).status_code == 403
    assert client.get("runs/act").status_code == 404
    assert client.post("runs/look", content=b"[]").status_code == 400
    assert client.post("runs/look", content=b"{").status_code == 400
    assert not load().paused


def test_a_stranger_is_asked_to_log_in(home) -> None:
    with served(username="ann", password="s3cret") as page, httpx.Client(base_url=page.local_url, trust_env=False) as c:
        assert [c.post(f"runs/{what}", json={}).status_code for what in ("look", "act", "dialog")] == [401] * 3
        assert c.get(f"runs/{RUN}/thumbnail/drawn.png").status_code == 401


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3) |
    st.dictionaries(st.sampled_from(["query", "known", "words", "page", "group", "tag", "runs", "dialog"]), inner),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60)
@example("look", {"query": {"group": [], "words": {}, "tag": [0], "page": 10**30}})
@example("look", {"query": {"words": "\ud800", "page": -(10**30)}})
@example("dialog", {"dialog": [], "runs": {}})
@example("dialog", {"dialog": "note", "runs": ["x" * 400]})
@given(st.sampled_from(["look", "dialog"]), st.dictionaries(
    st.sampled_from(["query", "known", "runs", "dialog"]), anything
))  # fmt: skip
def test_no_question_breaks_the_server(page: Served, what: str, body: dict[str, Any]) -> None:
    with httpx.Client(base_url=page.local_url, trust_env=False, timeout=60) as client:
        assert client.post(f"runs/{what}", content=json.dumps(body)).status_code == 200


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"query":' * 100_000, b"9" * 5_000, b"\xff", b"", b"[]", b'{"known": NaN}']
)
def test_what_is_no_question_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("runs/look", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.text) == (400, "A JSON object is missing.\n")


@pytest.mark.parametrize("dialog", ["note", "at", "kill", "delete", "edit", "remove"])
def test_every_dialog_is_drawn_for_a_run(client: httpx.Client, dialog: str) -> None:
    html = post(client, "dialog", {"dialog": dialog, "runs": [RUN]})["html"]
    assert "data-close" in html
    assert f'data-run="{RUN}"' in html

"""The dialog about presets: what it lists, what it does, and what it shows of one beside the form."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kohya_gui.form import presets
from kohya_gui.form.widgets import build_form
from kohya_gui.preferences import preferences
from kohya_gui.server.forms import form_routes
from kohya_gui.server.presets import preset_routes
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.tabs.train_parts import build_toolbar
from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.network import NetworkSettings

HOSTILE = "<b onclick=alert(1)>&"
STYLE = "program:lora/sd15-style"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with gr.Blocks():
        form = TrainForm(
            job=TrainConfig, fields=build_form(TrainConfig), stamp=gr.HTML(), language="en", bar=build_toolbar(),
            config_path=None,
        )  # fmt: skip
    forms = {"train": form}
    yield TestClient(Starlette(routes=[*preset_routes(forms, lambda _: ""), *form_routes(forms, lambda _: "")]))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    return tmp_path


def ask(client: TestClient, act: str, key: str = "", **more: Any) -> dict[str, Any]:
    answer = client.post("/form/train/presets", json={"act": act, "key": key, **more})
    assert answer.status_code == 200
    return answer.json()


def test_the_list_has_groups_and_says_for_whom_a_shipped_preset_is(client: TestClient) -> None:
    presets.save_preset_as(f"faces/{HOSTILE.replace('<', '(').replace('>', ')')}", TrainConfig())
    shown = ask(client, "list")["html"]
    assert "<h4>faces</h4>" in shown
    assert "a style, many pictures · from 8 GB" in shown
    assert shown.count('data-preset-act="delete"') == 1  # the user's own alone


def test_a_preset_is_renamed_deleted_and_chosen_to_start_with(client: TestClient) -> None:
    key = presets.save_preset_as("ann", TrainConfig())
    assert 'value="ann"' in ask(client, "rename", key)["row"]
    assert ask(client, "renamed", key, name="bob")["changed"] is True
    ask(client, "start", "user:bob")
    assert preferences().start_preset == "user:bob"
    ask(client, "start", "user:bob")  # again takes it back
    assert preferences().start_preset == ""
    assert "Delete the preset bob?" in ask(client, "delete", "user:bob")["row"]
    assert ".deleted" in ask(client, "deleted", "user:bob")["told"]
    assert "user:bob" not in presets.list_presets()
    assert "no longer exists" in ask(client, "deleted", "user:bob")["error"]
    assert "came with the program" in ask(client, "deleted", STYLE)["error"]


def test_what_differs_from_the_form_can_be_taken_over_one_by_one(client: TestClient) -> None:
    values = {"network_dim": 5, "output_name": "mine", "train_data_dir": "/pictures"}
    client.post("/form/train", json={"values": values})
    shown = ask(client, "compare", STYLE)["html"]
    puts = [json.loads(html.unescape(one)) for one in re.findall('data-take="([^"]*)"', shown)]
    taken = {name: value for one in puts for name, value in one.items()}
    assert taken["network_dim"] == 64
    assert not {"output_name", "train_data_dir"} & taken.keys()  # the preset leaves them open
    assert "<td>64</td><td>5</td>" in shown
    assert re.search("<th[^>]*>[^<]*[Rr]ank", shown)


def test_two_presets_are_compared_and_nothing_is_offered_to_take(client: TestClient) -> None:
    key = presets.save_preset_as("ann", TrainConfig(network=NetworkSettings(network_dim=99)))
    shown = ask(client, "compare", STYLE, other=key)["html"]
    assert "<td>64</td><td>99</td>" in shown
    assert "data-take" not in shown
    assert "All settings are the same." in ask(client, "compare", key, other=key)["html"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({}, optional={
        "act": st.sampled_from(["list", "compare", "renamed", "deleted", "start", "rename", "?"]) | st.none(),
        "key": st.text(max_size=9) | st.just(STYLE) | st.integers(), "name": st.text(max_size=9),
        "other": st.text(max_size=9),
    })
)  # fmt: skip
def test_a_browser_may_send_anything(client: TestClient, asked: dict[str, Any]) -> None:
    answer = client.post("/form/train/presets", json=asked)
    assert answer.status_code == 200
    assert STYLE in presets.list_presets()


def test_what_is_no_question_is_refused(client: TestClient) -> None:
    assert client.post("/form/train/presets", content=b"[1]").status_code == 400

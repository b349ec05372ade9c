"""The routes of a form: what is said of typed values, names to search for, contents of folders."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kohya_gui.form.widgets import build_form
from kohya_gui.server import forms
from kohya_gui.server.forms import form_routes
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.tabs.train_parts import build_toolbar
from tests.loops import in_its_own_loop
from train_core.config import whole_files
from train_core.config.jobs.train import TrainConfig

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[TestClient]:
    with gr.Blocks():
        form = TrainForm(
            job=TrainConfig, fields=build_form(TrainConfig), stamp=gr.HTML(), language="en", bar=build_toolbar(),
            config_path=None,
        )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRUCIBLE_HOME", str(tmp_path_factory.mktemp("home")))
        routes = form_routes({"train": form}, lambda request: request.headers.get("user", ""))
        yield TestClient(Starlette(routes=routes))


def look(client: TestClient, values: dict[str, Any], user: str = "ann", **more: Any) -> dict[str, Any]:
    answer = client.post("/form/train", json={"values": values, **more}, headers={"user": user})
    assert answer.status_code == 200
    return answer.json()


def wrong(client: TestClient, values: dict[str, Any], user: str = "ann") -> list[str]:
    return look(client, values, user)["news"]["wrong"]


def test_what_is_typed_is_kept_and_answered(client: TestClient):
    assert "learning_rate" in wrong(client, {"output_name": "mine", "learning_rate": "fast"})
    assert "learning_rate" in wrong(client, {"max_train_epochs": "3"})  # the draft holds what was sent before
    assert "learning_rate" not in wrong(client, {}, user="bob")


def test_only_what_the_page_does_not_know_is_sent_again(client: TestClient):
    first = look(client, {"learning_rate": "1e-4"})
    assert "#plan" in first["news"]
    assert set(look(client, {"learning_rate": "1e-4"}, sums=first["sums"])["news"]) == {"told"}


@pytest.mark.parametrize(
    "shown", ["Textual inversion: an embedding", "文本反转：嵌入（Embedding）", "textual inversion"]
)
def test_a_choice_counts_as_what_it_is_whatever_it_is_called(client: TestClient, shown: str):
    answer = look(client, {"training_method": shown, "token_string": ""})
    assert "LoRA_type" in answer["news"]["hidden"] and "token_string" not in answer["news"]["hidden"]
    assert "training_method" not in answer["news"]["wrong"]


def test_what_another_method_leaves_behind_is_not_spoken_of(client: TestClient):
    left = {"network_dim": "16", "LoRA_type": "LoHa", "training_method": "DreamBooth"}
    said = look(client, left)["news"]["messages"]
    assert "network_dim" not in said and "LoRA_type" not in said
    assert "token_string" in look(client, {"training_method": "textual inversion"})["news"]["messages"]


def test_every_setting_can_be_searched_for(client: TestClient):
    named = client.get("/form/train/names").json()
    words = {entry["name"]: entry["words"][0] for entry in named["settings"]}
    assert {"learning_rate", "network_dim", "flip_aug"} <= set(words)
    assert "max_resolution" in words["resolution"]  # as it is called in kohya_ss
    assert not [name for name in words if "use_safetensors" in words[name]]  # it says nothing that is not so anyway
    assert "lr_warmup " in f"{words['lr_warmup_steps']} "
    assert "{words}" in named["none"]


def test_a_folder_that_is_being_typed_is_looked_into(client: TestClient, tmp_path: Path):
    (tmp_path / "pictures").mkdir()
    found = client.get("/form/train/paths/train_data_dir", params={"typed": f"{tmp_path}/pic"}).json()
    assert found == [str(tmp_path / "pictures")]
    assert client.get("/form/train/paths/learning_rate", params={"typed": "/"}).status_code == 404


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not UTF-8")
def test_a_name_that_is_no_text_is_offered_like_any_other(client: TestClient, tmp_path: Path):
    (tmp_path / os.fsdecode(b"dog\xff")).mkdir()
    answer = client.get("/form/train/paths/train_data_dir", params={"typed": f"{tmp_path}/"})
    assert [os.fsencode(Path(one).name) for one in answer.json()] == [b"dog\xff"]


@pytest.mark.parametrize("path", ["/form/other/names", "/form/other/paths/x"])
def test_other_forms_are_not_there(client: TestClient, path: str):
    assert client.get(path).status_code == 404
    assert client.post("/form/other", json={"values": {}}).status_code == 404


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from(["output_name", "learning_rate", "seed", "resolution", "no_such"]), JSON), JSON)
def test_odd_values_are_answered_and_never_an_error(client: TestClient, values: dict[str, Any], sums: Any):
    body = {"values": {name: _finite(value) for name, value in values.items()}, "sums": _finite(sums)}
    assert client.post("/form/train", json=body, headers={"user": "odd"}).status_code == 200


NO_FORMS = [
    b"", b"[]", b"{", b"\xff", b"null", b'{"values": NaN}', b"[" * 100_000, b'{"values": {"seed": 1e999}}'
]  # fmt: skip


@pytest.mark.parametrize("body", NO_FORMS)
def test_a_body_that_is_no_form_is_refused(client: TestClient, body: bytes):
    assert client.post("/form/train", content=body).status_code in (200, 400)


def _finite(value: Any) -> Any:
    """`value` without the floats that JSON cannot say."""
    if isinstance(value, float):
        return value if abs(value) < 1e300 else str(value)
    return [_finite(one) for one in value] if isinstance(value, list) else value


def test_what_there_is_to_tell_comes_with_the_answer(client: TestClient, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_files, "_rename", full)
    told = [look(client, {"output_name": f"n{n}"}, user="full")["news"]["told"] for n in range(2)]
    assert ["No space left on device" in words for words in told[0]] == [True]
    assert told[1] == []


@in_its_own_loop
async def test_few_are_answered_at_once_and_nobody_waits_behind_a_dead_drive(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(forms, "PATIENCE", 0.01)
    answers = forms.Answers({}, lambda _request: "")
    async with answers._turn(), answers._turn():
        assert answers._at_once.locked()
        async with answers._turn():  # though both turns are held
            assert answers._at_once.locked()
        assert answers._at_once.locked()  # who had no turn gives none back
    assert not answers._at_once.locked()

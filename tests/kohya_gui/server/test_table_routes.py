"""The routes of the table of image folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kohya_gui.files.reach import Reach
from kohya_gui.form.session import Session
from kohya_gui.form.widgets import build_form
from kohya_gui.server.tables import table_routes
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.tabs.train_parts import build_toolbar
from tests.pictures import image_folder
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import home


@pytest.fixture(scope="module")
def form() -> TrainForm:
    with gr.Blocks():
        return TrainForm(
            job=TrainConfig, fields=build_form(TrainConfig), stamp=gr.HTML(), language="en", bar=build_toolbar(),
            config_path=None,
        )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    image_folder(tmp_path / "images", "10_zuko <b>dog", [(64, 64)] * 3, "a dog")
    return tmp_path


def client_of(form: TrainForm, **values: Any) -> TestClient:
    """A visitor whose form has these values."""
    form.keep(Session(user="ann", language="en"), form.complete(values))
    return TestClient(Starlette(routes=table_routes({"train": form}, lambda request: "ann", "en")))


def ask(client: TestClient, what: str, rows: Any = None) -> dict[str, Any]:
    answer = client.post("/files/table", json={"what": what, "rows": rows})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_folders_of_the_form_are_the_first_table_and_what_is_used_is_the_next(form: TrainForm, place: Path):
    opened = ask(client_of(form, train_data_dir=str(place / "images"), train_batch_size=4), "open")
    folder = str(place / "images" / "10_zuko <b>dog")
    assert opened["rows"] == [[folder, 10, "zuko <b>dog", False, ""]]
    assert opened["figures"] == [[3, 8]] and opened["total"] == "images: 3, steps per epoch: 8"
    client = client_of(form, train_batch_size=1, output_name="my dog")
    rows = [[folder, 5, "zuko", False, "768"]]
    assert ask(client, "count", rows)["figures"] == [[3, 15]]
    path = ask(client, "write", rows)["path"]
    assert path == str(home() / "datasets" / "my dog.toml")
    assert ask(client_of(form, dataset_config=path), "open")["rows"] == rows


def test_what_is_left_out_and_what_is_wrong_is_told(form: TrainForm, place: Path):
    (place / "x.toml").write_text(f"[[datasets]]\nbatch_size = 3\n[[datasets.subsets]]\nimage_dir = '{place}'\n")
    assert "batch_size" in ask(client_of(form, dataset_config=str(place / "x.toml")), "open")["told"]
    gone = ask(client_of(form, dataset_config=str(place / "<i>.toml")), "open")
    assert gone["rows"] == [] and "&lt;i&gt;" in gone["told"]
    assert "Row 1" in ask(client_of(form), "write", [["", 1, "", False, ""]])["error"]
    assert "no folder" in ask(client_of(form), "write", [])["error"]


def test_beyond_the_roots_nothing_is_counted_or_written(form: TrainForm, place: Path):
    rooted = replace(form, reach=Reach((place / "images",)))
    outside = image_folder(place / "other", "1_x", [(64, 64)])
    assert ask(client_of(rooted), "count", [[str(outside), 1, "", False, ""]])["figures"] == [[0, 0]]
    assert "--roots" in ask(client_of(rooted), "write", [[str(outside), 1, "", False, ""]])["error"]
    assert "--roots" in ask(client_of(rooted, train_data_dir=str(place / "other")), "open")["told"]
    assert not (home() / "datasets").exists()


ODD = [None, 3, {}, [[]], [[1, 2, 3, 4, 5]], [["a\0b", True, None, 1, []]], [["/x" * 9000, 1, "", 0, ""]]]


@pytest.mark.parametrize("rows", ODD)
def test_rows_that_are_none_are_no_error(form: TrainForm, place: Path, rows: Any):
    for what in ("count", "write", "open", "other"):
        ask(client_of(form), what, rows)

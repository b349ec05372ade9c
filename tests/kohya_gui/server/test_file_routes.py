"""The routes to files: what the picker shows, within which roots, and when the desktop's own dialog is offered."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kohya_gui.files import native
from kohya_gui.files.native import Desktop, Question
from kohya_gui.form.widgets import build_form
from kohya_gui.options import PageOptions
from kohya_gui.server import files
from kohya_gui.server.files import file_routes
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.tabs.train_parts import build_toolbar
from tests.loops import in_its_own_loop
from tests.pictures import image_folder
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError

HERE = ("127.0.0.1", 5000)


@pytest.fixture(scope="module")
def form() -> TrainForm:
    with gr.Blocks():
        return TrainForm(
            job=TrainConfig, fields=build_form(TrainConfig), stamp=gr.HTML(), language="en", bar=build_toolbar(),
            config_path=None,
        )  # fmt: skip


@pytest.fixture
def visit(form: TrainForm) -> Callable[..., TestClient]:
    """`visit(client=…, **options)` is a visitor of a page with these options."""

    def open_page(client: tuple[str, int] = HERE, screen: bool = False, **options: Any) -> TestClient:
        routes = file_routes({"train": form}, PageOptions(language="en", **options), lambda: screen)
        return TestClient(Starlette(routes=routes), client=client)

    return open_page


def look(client: TestClient, setting: str, at: Path | str, **more: Any) -> dict[str, Any]:
    answer = client.post("/files/look", json={"form": "train", "setting": setting, "at": str(at), **more})
    assert answer.status_code == 200
    return answer.json()


def test_the_dialog_opens_at_what_is_typed_and_shows_what_fits(visit, tmp_path: Path):
    image_folder(tmp_path / "data", "10_zuko dog", [(8, 8)] * 2)
    (tmp_path / "data" / "base.safetensors").touch()
    found = look(visit(), "train_data_dir", tmp_path / "data" / "not there yet", first=True)
    assert found["at"] == str(tmp_path / "data")
    assert "Image folder" in found["html"]
    assert "pictures: 2" in found["parts"]["list"] and "folders to train on: 1" in found["parts"]["state"]
    assert "base.safetensors" not in found["parts"]["list"]
    assert found["takes_folder"]
    model = look(visit(), "pretrained_model_name_or_path", tmp_path / "data")
    assert "base.safetensors" in model["parts"]["list"] and "html" not in model
    assert not model["takes_folder"]


def test_names_of_files_stay_text(visit, tmp_path: Path):
    (tmp_path / "<img src=x onerror=alert(1)>").mkdir()
    parts = look(visit(), "train_data_dir", tmp_path)["parts"]
    assert "<img" not in "".join(parts.values()) and "&lt;img" in parts["list"]


def test_beyond_the_roots_nothing_is_listed_made_or_led_to(visit, tmp_path: Path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    client = visit(listen="0.0.0.0", roots=(tmp_path / "in",))
    inside = look(client, "train_data_dir", tmp_path / "in" / "sub", recent=[str(tmp_path / "out"), 3])
    assert str(tmp_path / "in") in inside["parts"]["crumbs"] and f'"{tmp_path}"' not in inside["parts"]["crumbs"]
    assert str(tmp_path / "out") not in inside["parts"]["places"]
    assert "--roots" in look(client, "train_data_dir", tmp_path / "out")["error"]
    assert "--roots" in look(client, "train_data_dir", f"{tmp_path}/in/../out")["error"]
    assert look(client, "train_data_dir", tmp_path / "out", first=True)["at"] == str(tmp_path / "in")
    made = client.post("/files/new", json={"at": f"{tmp_path}/in/../out", "name": "x"}).json()
    assert "--roots" in made["error"] and not list((tmp_path / "out").iterdir())
    assert client.post("/files/new", json={"at": f"{tmp_path}/in", "name": "x"}).json() == {"made": f"{tmp_path}/in/x"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"at": 3}', b'{"at": "a\\u0000b"}', b'{"recent": {"a": 1}}'])
def test_what_is_no_question_is_no_error(visit, body: bytes):
    for route in ("look", "new", "native"):
        assert visit().post(f"/files/{route}", content=body).status_code in (200, 400, 404)


def test_the_words_are_in_the_pages_language(visit):
    assert visit().get("/files/words").json()["pick"] == "Choose on the disk"


def test_the_systems_dialog_is_offered_only_to_whoever_sits_here(visit, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(files, "command", lambda question: ["true"])

    def offered(client: TestClient, **headers: str) -> bool:
        client.headers.update(headers)
        return "data-native" in look(client, "train_data_dir", tmp_path, first=True)["html"]

    assert offered(visit(screen=True))
    assert not offered(visit(screen=False))
    assert not offered(visit(screen=True, client=("192.168.1.5", 5000)))
    assert not offered(visit(screen=True), **{"X-Forwarded-For": "192.168.1.5"})
    assert not offered(visit(screen=True, headless=True))
    assert not offered(visit(screen=True, share=True))
    assert visit(screen=False).post("/files/native", json={"at": str(tmp_path)}).status_code == 404
    monkeypatch.setattr(files, "command", lambda question: None)
    assert not offered(visit(screen=True))


def stand_in(code: str) -> Callable[[Question], list[str]]:
    """A program in place of the desktop's dialog."""
    return lambda question: [sys.executable, "-c", code]


def test_what_is_chosen_in_the_systems_dialog_comes_back(visit, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(native, "command", stand_in(f"print({str(tmp_path / '我')!r})"))
    monkeypatch.setenv("PYTHONUTF8", "1")
    answer = visit(screen=True).post("/files/native", json={"setting": "train_data_dir", "at": str(tmp_path)})
    assert answer.json() == {"chosen": str(tmp_path / "我")}
    monkeypatch.setattr(native, "command", stand_in("pass"))
    assert visit(screen=True).post("/files/native", json={"at": str(tmp_path)}).json() == {"chosen": ""}


QUESTION = Question("Image folder", "/", wants_folder=True)


@in_its_own_loop
async def test_a_dialog_that_fails_says_why_and_one_that_is_forgotten_is_closed(monkeypatch):
    monkeypatch.setattr(native, "command", stand_in("raise SystemExit('no display')"))
    with pytest.raises(UserError, match="no display"):
        await Desktop().ask(QUESTION)
    monkeypatch.setattr(native, "command", stand_in("import time; time.sleep(600)"))
    assert await Desktop().ask(QUESTION, seconds=0.2) == ""


@in_its_own_loop
async def test_there_is_one_dialog_at_a_time(monkeypatch):
    monkeypatch.setattr(native, "command", stand_in("import time; time.sleep(600)"))
    desktop = Desktop()
    first = asyncio.create_task(desktop.ask(QUESTION))
    await asyncio.sleep(0)  # it starts
    with pytest.raises(UserError, match="open already"):
        await desktop.ask(QUESTION)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="zenity is a program of Linux")
def test_zenity_is_used_where_it_is_there_and_else_tkinter(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(native.shutil, "which", lambda name: "/usr/bin/zenity")
    asked = native.command(Question("Base model", "/data/", wants_folder=False, endings=(".ckpt", ".pt")))
    assert asked == ["/usr/bin/zenity", "--file-selection", "--title=Base model", "--filename=/data/",
                     "--file-filter=*.ckpt *.pt"]  # fmt: skip
    monkeypatch.setattr(native.shutil, "which", lambda name: None)
    monkeypatch.setattr(native.importlib.util, "find_spec", lambda name: None)
    assert native.command(QUESTION) is None

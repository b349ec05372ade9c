"""A model is fetched file by file from a hub, gone on with after a break, never damaged; failures say their cure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.train_core.workshop.conftest import RunTool, errors
from train_core.studio.tagging.wd_files import REPOSITORY

FILES = {
    "selected_tags.csv": b"tag_id,name,category,count\n", "model.onnx": bytes(range(256)) * 20_000, "README.md": b"x",
}  # fmt: skip


class Hub(ThreadingHTTPServer):
    """A hub on this machine: its files, what was asked of it, and after how many bytes it breaks off."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.files: dict[str, bytes] = dict(FILES)
        self.asked: list[tuple[str, str]] = []
        self.breaks_after = 0
        self.damages = False


class Answers(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range", "")))
        if self.path == f"/api/models/{REPOSITORY}":
            siblings = [{"rfilename": name} for name in self.server.files]
            return self.send(200, json.dumps({"siblings": siblings}).encode())
        name = self.path.removeprefix(f"/{REPOSITORY}/resolve/main/")
        content = self.server.files.get(name)
        if content is None:
            return self.send(404, b"")
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        digest = hashlib.sha256(content).hexdigest()
        if self.server.damages:
            content = content[::-1]
        if self.server.breaks_after:
            self.send(200, content, self.server.breaks_after, **{"X-Linked-Etag": f'"{digest}"'})
            self.server.breaks_after = 0
            return None
        return self.send(206 if start else 200, content[start:], **{"X-Linked-Etag": f'"{digest}"'})

    def send(self, code: int, content: bytes, most: int = -1, **headers: str) -> None:
        self.send_response(code)
        for key, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content if most < 0 else content[:most])
        if most >= 0:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub()
    thread = Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield hub
    hub.shutdown()
    hub.server_close()
    thread.join()


def test_the_files_of_a_model_are_fetched_once_into_the_home(hub: Hub, run_tool: RunTool, tmp_path: Path):
    run_tool("fetch_model")
    folder = tmp_path / "home" / "taggers" / "wd-vit-tagger-v3"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: FILES[name] for name in ("model.onnx", "selected_tags.csv")
    }
    hub.asked.clear()
    run_tool("fetch_model")
    assert hub.asked == [(f"/api/models/{REPOSITORY}", "")]


def test_what_broke_off_goes_on_where_it_was(hub: Hub, run_tool: RunTool, tmp_path: Path):
    hub.files = {name: FILES[name] for name in ("model.onnx", "selected_tags.csv")}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "selected_tags.csv").write_bytes(b"mine")
    hub.breaks_after = 3_000_000
    assert errors(run_tool("fetch_model", fetch_to=tmp_path / "out")) == ["fetch_failed"]
    assert (tmp_path / "out" / "model.onnx.part").stat().st_size > 1_000_000
    assert not (tmp_path / "out" / "model.onnx").exists()
    run_tool("fetch_model", fetch_to=tmp_path / "out")
    assert hub.asked[-1][1].startswith("bytes=") and hub.asked[-1][1] != "bytes=0-"
    assert (tmp_path / "out" / "model.onnx").read_bytes() == FILES["model.onnx"]
    assert (tmp_path / "out" / "selected_tags.csv").read_bytes() == b"mine"


def test_a_damaged_file_is_not_kept(hub: Hub, run_tool: RunTool, tmp_path: Path):
    hub.damages = True
    events = run_tool("fetch_model", fetch_to=tmp_path / "out")
    assert errors(events) == ["fetch_failed"] and "damaged" in str(events)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", ["blip-large", "wd-vit-tagger-v3"])
def test_a_repository_that_is_gone_or_lacks_files_is_told(hub: Hub, run_tool: RunTool, tmp_path: Path, kind: str):
    hub.files = {"README.md": b""}
    code = "fetch_incomplete" if kind.startswith("wd") else "fetch_failed"
    assert errors(run_tool("fetch_model", model_to_fetch=kind, fetch_to=tmp_path / "out")) == [code]
    assert not (tmp_path / "out").exists()


def test_without_a_network_the_way_by_hand_is_told(run_tool: RunTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    events = run_tool("fetch_model", fetch_to=tmp_path / "out")
    assert errors(events) == ["fetch_failed"]
    assert str(tmp_path / "out") in str(events) and "HF_ENDPOINT" in str(events)

"""A page served in this process for tests, with a stand-in for what is on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio
import httpx
import pytest

from kohya_gui.options import PageOptions
from kohya_gui.server import app
from kohya_gui.server.app import Served
from kohya_gui.server.board import Board
from kohya_gui.server.listener import listen_from
from train_core.config.places import runs_dir

RUN = "20260101-000000-x"
PORTS_FROM = 18760


def stand_in(_context: object) -> gradio.Blocks:
    with gradio.Blocks(analytics_enabled=False) as page:
        typed = gradio.Textbox(label="typed")
        button = gradio.Button("start")
        button.click(lambda text: STARTED.append(text) or None, [typed], None, api_name="start")
    return page


STARTED: list[str] = []  # what the stand-in's button was pressed with


@contextmanager
def served(**options: Any) -> Iterator[Served]:
    """A page with these options, on a machine with a proxy that leads nowhere."""
    STARTED.clear()
    settings = PageOptions(inbrowser=False, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "build_page", stand_in)
        patch.setattr(app, "page_options", lambda: {"ssr_mode": False})
        patch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        patch.setenv("NO_PROXY", "")
        patch.setenv("no_proxy", "")
        listener = listen_from(settings.listen, PORTS_FROM)
        assert listener is not None
        page = app.open_page(settings, listener, Board(runs_dir()))
        yield page
        page.close()


def post(client: httpx.Client, what: str, body: Any, language: str = "en") -> dict[str, Any]:
    """The answer to a question of the Runs tab."""
    answer = client.post(f"runs/{what}", json=body, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return answer.json()

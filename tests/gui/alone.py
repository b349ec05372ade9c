"""One tab of the page, served by itself with the routes of the page: it opens in a fraction of the page's time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
import pytest

from kohya_gui.options import PageOptions
from kohya_gui.page import ASSETS
from kohya_gui.server import app
from kohya_gui.server.board import Board
from kohya_gui.server.listener import listen_from
from train_core.config.places import runs_dir


@contextmanager
def serve_alone(
    build: Callable[[], object], script: str, home: Path, port: int, style: str = "look.css"
) -> Iterator[str]:
    """The address of a page with what `build` lays out, and with the `script` of that name beside the common one.

    `home` is that of this process meanwhile.
    """

    def page_alone(_context: object) -> gr.Blocks:
        with gr.Blocks(analytics_enabled=False) as page:
            build()
        return page

    def options() -> dict[str, object]:
        code = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in ("common.js", script))
        return {"css_paths": [ASSETS / style], "js": f"() => {{\n{code}\n}}", "ssr_mode": False}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRUCIBLE_HOME", str(home))
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr(app, "build_page", page_alone)
        patch.setattr(app, "page_options", options)
        listener = listen_from("127.0.0.1", port)
        assert listener is not None
        served = app.open_page(PageOptions(inbrowser=False), listener, Board(runs_dir()))
        yield served.local_url
        served.close()

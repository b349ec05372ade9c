"""Each page is shown in one language, by the same rule on the server and in the browser."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kohya_gui.i18n import languages
from kohya_gui.i18n.language import COOKIE, PageLanguage, language_of

PAGE = "<!doctype html><html><head><title>x</title></head><body>" + "ä" * 3000 + "</body></html>"


def visitor(accepts: str = "", cookie: str = "") -> SimpleNamespace:
    return SimpleNamespace(headers={"accept-language": accepts}, cookies={COOKIE: cookie} if cookie else {})


@pytest.mark.parametrize(
    ("accepts", "cookie", "forced", "language"),
    [
        ("", "", "", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "", "zh-CN"),
        ("zh-TW", "", "", "zh-CN"),
        ("de,zh;q=0.5", "", "", "en"),
        ("zh-CN", "en", "", "en"),
        ("en-US", "zh-CN", "", "zh-CN"),
        ("en-US", "en", "zh-CN", "zh-CN"),
        ("zh-CN", "zh-CN", "en", "en"),
        ("en", "<script>", "", "en"),
    ],
)
def test_command_line_goes_before_cookie_goes_before_browser(accepts: str, cookie: str, forced: str, language: str):
    assert language_of(visitor(accepts, cookie), forced) == language


@pytest.mark.parametrize(
    ("asked", "served"), [("pt-BR", "pt-BR"), ("pt", "pt-BR"), ("PT-pt", "pt-PT"), ("pt-AO", "pt-BR"), ("xx", "en")]
)
def test_the_very_language_goes_before_its_first_cousin_and_that_before_english(
    asked: str, served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for tag in ("en", "pt-PT", "pt-XX", "pt-BR"):
        (tmp_path / f"{tag}.json").write_text('{"language": "x"}', encoding="utf-8")
    monkeypatch.setattr(languages, "LOCALES", tmp_path)
    languages.languages.cache_clear()
    try:
        assert languages.nearest_language(asked) == served
    finally:
        languages.languages.cache_clear()


def client(forced: str = "") -> TestClient:
    routes = [
        Route("/", lambda request: HTMLResponse(PAGE)),
        Route("/other", lambda request: HTMLResponse(PAGE)),
        Route("/login", lambda request: PlainTextResponse("<head>")),
        Route("/config", lambda request: JSONResponse({"head": "<head>"})),
    ]
    return TestClient(PageLanguage(Starlette(routes=routes), forced))


def test_the_choice_runs_before_every_other_script_of_the_page():
    answer = client("zh-CN").get("/")
    assert answer.text.index("<script>") == answer.text.index("<head>") + len("<head>")
    assert '"zh-CN"' in answer.text
    assert answer.text.endswith(PAGE.partition("<head>")[2])
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("path", ["/other", "/login", "/config"])
def test_everything_else_passes_unchanged(path: str):
    assert "navigator" not in client("zh-CN").get(path).text

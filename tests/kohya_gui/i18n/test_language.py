"""Each page is shown in one language, by the same rule on the server and in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kohya_gui.i18n import languages, messages
from kohya_gui.i18n.language import COOKIE, PageLanguage, language_of
from kohya_gui.page import _header
from kohya_gui.tabs.context import PageContext

PAGE = "<!doctype html><html><head><title>x</title></head><body>" + "ä" * 3000 + "</body></html>"


def visitor(accepts: str = "", cookie: str = "") -> SimpleNamespace:
    return SimpleNamespace(headers={"accept-language": accepts}, cookies={COOKIE: cookie} if cookie else {})


@pytest.mark.parametrize(
    ("accepts", "cookie", "forced", "language"),
    [
        ("", "", "", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "", "zh-CN"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "", "", "zh-TW"),
        ("zh-HK", "", "", "zh-TW"),
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


@pytest.fixture
def tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Lets there be languages of these tags, and no others."""
    monkeypatch.setattr(languages, "LOCALES", tmp_path)

    def make(*tags: str) -> None:
        for tag in tags:
            (tmp_path / f"{tag}.json").write_text(f'{{"language": "{tag}"}}', encoding="utf-8")
        languages.languages.cache_clear()

    yield make
    languages.languages.cache_clear()


@pytest.mark.parametrize(
    ("asked", "served"), [("pt-BR", "pt-BR"), ("pt", "pt-BR"), ("PT-pt", "pt-PT"), ("pt-AO", "pt-BR"), ("xx", "en")]
)
def test_the_very_language_goes_before_its_first_cousin_and_that_before_english(asked: str, served: str, tags):
    tags("en", "pt-PT", "pt-XX", "pt-BR")
    assert languages.nearest_language(asked) == served


def test_languages_are_offered_in_the_order_of_the_page_and_new_ones_behind(tags):
    tags("ja", "tlh", "zh-TW", "de", "en", "zh-CN")
    assert list(languages.languages()) == ["en", "zh-CN", "zh-TW", "ja", "de", "tlh"]


CHINESE = [
    ("zh", "zh-CN"), ("zh-CN", "zh-CN"), ("zh-SG", "zh-CN"), ("zh-Hans", "zh-CN"), ("zh-Hans-HK", "zh-CN"),
    ("zh-TW", "zh-TW"), ("zh-HK", "zh-TW"), ("zh-MO", "zh-TW"), ("zh-Hant", "zh-TW"), ("zh-Hant-CN", "zh-TW"),
    ("ZH-hant-hk", "zh-TW"), ("zh_TW", "zh-TW"), ("zh_TW.UTF-8", "zh-TW"), ("zh_CN.GB18030", "zh-CN"),
    ("zh_HK.Big5-HKSCS", "zh-TW"), ("zh_TW.UTF-8@radical", "zh-TW"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "served"), CHINESE)
def test_chinese_is_served_in_the_script_of_the_place(asked: str, served: str):
    assert languages.language_for(asked) == served


@pytest.mark.parametrize(("asked", "served"), [("ja", "ja"), ("ja-JP", "ja"), ("ja_JP.eucJP", "ja"), ("de", None)])
def test_japanese_is_served_wherever_it_is_read(asked: str, served: str | None):
    assert languages.language_for(asked) == served


def test_the_switch_offers_every_language_by_its_own_name_in_order():
    header = _header(PageContext(language="", headless=True))
    shown = re.findall(r'data-language="[^"]+"[^>]*>([^<]+)<', header)
    assert shown == ["English", "简体中文", "繁體中文", "日本語"]


@pytest.mark.parametrize("asked", ["zh-TW", "zh-Hant"])
def test_the_other_script_is_better_than_another_language(asked: str, tags):
    tags("en", "zh-CN")
    assert languages.language_for(asked) == "zh-CN"


@pytest.mark.parametrize(
    ("environment", "served"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "zh-TW"),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_HK.UTF-8", "LANG": "en_US.UTF-8"}, "zh-TW"),
        ({"LC_CTYPE": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"}, "en"),
    ],
)
def test_a_terminal_is_answered_in_the_language_of_its_variables(environment: dict[str, str], served: str):
    assert languages.terminal_language(environment) == served


def test_a_text_that_a_language_lacks_is_english(tags, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(messages, "texts_in", {"en": {"a": "one", "b": "two"}, "xx": {"a": "eins"}}.__getitem__)
    messages.dictionary.cache_clear()
    try:
        assert [messages.text(key, "xx") for key in "ab"] == ["eins", "two"]
    finally:
        messages.dictionary.cache_clear()


def client(forced: str = "") -> TestClient:
    routes = [
        Route("/", lambda request: HTMLResponse(PAGE)),
        Route("/other", lambda request: HTMLResponse(PAGE)),
        Route("/login", lambda request: PlainTextResponse("<head>")),
        Route("/config", lambda request: JSONResponse({"head": "<head>"})),
    ]
    return TestClient(PageLanguage(Starlette(routes=routes), forced, Markup("<link>")))


@pytest.mark.parametrize(
    ("headers", "cookie", "language"),
    [
        ({"accept-language": "zh-HK,zh;q=0.9"}, "", "zh-TW"),
        ({"accept-language": "zh-HK"}, "zh-CN", "zh-CN"),
        ({}, "", "en"),
        ({}, '";alert(1);"', "en"),
    ],
)
def test_a_page_is_told_the_language_of_its_visitor(headers: dict[str, str], cookie: str, language: str):
    visitor = client()
    answer = visitor.get("/", headers={**headers, "cookie": f"{COOKIE}={cookie}"})
    assert f'const language = "{language}";' in answer.text


def test_the_choice_runs_before_every_other_script_of_the_page():
    answer = client("zh-CN").get("/")
    assert answer.text.index("<script>") == answer.text.index("<head>") + len("<head>")
    assert '"zh-CN"' in answer.text
    assert answer.text.endswith("</script><link>" + PAGE.partition("<head>")[2])
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("path", ["/other", "/login", "/config"])
def test_everything_else_passes_unchanged(path: str):
    assert "navigator" not in client("zh-CN").get(path).text

"""Whatever the environment says about proxies, the page can be imported."""

from __future__ import annotations

import os

import httpx
import pytest

from kohya_gui.server.surroundings import PROXIES, prepare_surroundings


@pytest.fixture
def proxies(monkeypatch):
    """No proxy but those that a test sets."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:7891"),
        ("all_proxy", "socks5h://127.0.0.1:7891"),
        ("ALL_PROXY", "socks://127.0.0.1:7891/"),
        ("https_proxy", "socks4://127.0.0.1:7891"),
        ("HTTP_PROXY", "a:b:c"),
        ("no_proxy", "localhost,[::1]"),
        ("NO_PROXY", "10.0.0.0/8,fd00::/8"),
    ],
)
@pytest.mark.usefixtures("proxies")
def test_proxies_that_cannot_be_used_are_left_out(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises((ImportError, ValueError, httpx.InvalidURL)):
        httpx.Client()
    prepare_surroundings()
    httpx.Client().close()


@pytest.mark.usefixtures("proxies")
def test_a_proxy_that_can_be_used_stays(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    prepare_surroundings()
    assert os.environ["HTTPS_PROXY"] == "http://127.0.0.1:3128"

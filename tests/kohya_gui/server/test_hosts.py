"""Which names and addresses a page answers to, and which pages are its own."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import psutil
import pytest

from kohya_gui.server.hosts import AllowedHosts, network_addresses, read_place, same_place, url_of


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9999", "localhost.:7860", "127.0.0.1:7860", "127.8.9.1", "[::1]:7860", "[0:0::1]"]
)
def test_a_page_answers_to_this_machine_s_own_names(host):
    assert AllowedHosts("127.0.0.1", 7860).answers(host)


@pytest.mark.parametrize(
    "host",
    [
        "", " ", "evil.example", "evil.example:7860", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.5",
        "localhost:7860@evil.example", "evil.example/localhost", "localhost,evil.example", "127.0.0.1:7860:1", "[::1",
        "0.0.0.0:7860", "localhost:port", "2130706433", "[evil.example]",
    ],
)  # fmt: skip
def test_a_page_answers_to_no_other_name(host):
    assert not AllowedHosts("127.0.0.1", 7860).answers(host)


def test_a_page_on_one_address_answers_to_that_address():
    hosts = AllowedHosts("192.168.1.5", 7860)
    assert hosts.answers("192.168.1.5:7860")
    assert hosts.answers("localhost:7860")
    assert not hosts.answers("192.168.1.6:7860")


@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])
def test_a_page_on_all_addresses_answers_to_all_of_the_machine_s_and_its_name(listen):
    hosts = AllowedHosts(listen, 7860)
    own = [a.address for i in psutil.net_if_addrs().values() for a in i if a.family == socket.AF_INET]
    assert own
    assert all(hosts.answers(f"{address}:7860") for address in own)
    assert hosts.answers(socket.gethostname().upper())
    assert hosts.answers(f"{socket.gethostname().partition('.')[0]}.local:7860")
    assert not hosts.answers("203.0.113.7:7860")
    assert not hosts.answers("0.0.0.0:7860")
    assert not hosts.answers("evil.example")


@pytest.mark.parametrize(
    "named", ["Train.example", "train.example.", "https://train.example/crucible", "train.example:443"]
)
def test_a_named_host_is_answered_whatever_its_port_and_however_it_was_written(named):
    hosts = AllowedHosts("127.0.0.1", 7860, [named])
    assert hosts.answers("train.example:8443")
    assert hosts.answers("TRAIN.EXAMPLE")
    assert not hosts.answers("other.train.example")


def test_pages_of_a_named_host_are_own_ones_on_the_usual_ports_and_on_the_one_that_was_named():
    hosts = AllowedHosts("127.0.0.1", 7860, ["train.example", "second.example:8443"])
    for origin in ("https://train.example", "http://train.example", "http://train.example:7860"):
        assert hosts.is_named_origin(origin), origin
    assert hosts.is_named_origin("https://second.example:8443")
    for origin in ("https://train.example:9000", "https://second.example", "null", "train.example", "https://a.example"):
        assert not hosts.is_named_origin(origin), origin


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://localhost:7860", "localhost:7860", True),
        ("http://LOCALHOST:7860", "localhost.:7860", True),
        ("https://train.example", "train.example", True),
        ("https://train.example", "train.example:443", True),
        ("http://[::1]:7860", "[::1]:7860", True),
        ("http://localhost:3000", "localhost:7860", False),
        ("http://localhost", "localhost:7860", False),
        ("http://127.0.0.1:7860", "localhost:7860", False),
        ("chrome-extension://localhost", "localhost", False),
        ("null", "null", False),
        ("file://", "localhost:7860", False),
    ],
)
def test_a_page_is_the_same_place_where_host_and_port_are_equal(origin, host, same):
    assert same_place(origin, host) == same


@pytest.mark.parametrize("text", ["", "a b", "http://", "a/b", "user@host", "name:", "name:123456", "*?"])
def test_what_is_no_host_is_not_taken_for_one(text):
    assert read_place(text) is None


def test_the_addresses_for_other_machines_are_those_of_the_network_in_a_browser_s_form(monkeypatch):
    def address(family, text):
        return SimpleNamespace(family=family, address=text)

    four, six = socket.AF_INET, socket.AF_INET6
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {
        "lo": [address(four, "127.0.0.1"), address(six, "::1"), address(psutil.AF_LINK, "00:00:00:00:00:00")],
        "eth0": [address(six, "fd00::5"), address(six, "fe80::1%eth0"), address(four, "192.168.1.5")],
        "bridge": [address(four, "169.254.3.4"), address(four, "192.168.1.5"), address(four, "10.0.0.2")],
    })  # fmt: skip
    assert network_addresses("0.0.0.0") == ["192.168.1.5", "10.0.0.2"]
    assert network_addresses("::") == ["192.168.1.5", "10.0.0.2", "fd00::5"]
    assert network_addresses("127.0.0.1") == network_addresses("192.168.1.5") == []
    assert url_of("fd00::5", 7860) == "http://[fd00::5]:7860/"
    hosts = AllowedHosts("::", 7860)
    assert all(hosts.answers(url_of(found, 7860)[7:-1]) for found in network_addresses("::"))

"""The names and addresses that the page answers to; a request for any other comes from a page of somebody else."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import NamedTuple

ALL_ADDRESSES = ("0.0.0.0", "::")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_PLACE = re.compile(r"(?P<name>\[[0-9a-f:.]+(?:%[^\]]*)?\]|[^\s:\[\]/\\@,?#]+)(?::(?P<port>\d{1,5}))?", re.IGNORECASE)
_USUAL_PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """A host and its port, as `Host:`, `Origin:` and `--allow-host` name them; port None: not given."""

    name: str
    port: int | None


def read_place(text: str) -> Place | None:
    """The place that `name`, `name:port`, `[address]:port` or an address with `http://` names; None for anything else.

    Names are in small letters without a dot at the end, addresses in their shortest form.
    """
    scheme, separator, rest = text.strip().partition("://")
    found = _PLACE.fullmatch(rest.partition("/")[0] if separator else scheme)
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else _USUAL_PORTS.get(scheme.lower()) if separator else None
    return Place(_plain(found["name"]), port)


class AllowedHosts:
    """The hosts of a page that listens on `listen`:`port`, and those that the user has `named`.

    That a browser sends the name it was told keeps out pages whose own name was made to lead here (DNS rebinding).
    """

    def __init__(self, listen: str, port: int, named: Iterable[str] = ()) -> None:
        self.port = port
        self._everywhere = listen in ALL_ADDRESSES
        self._own = {*LOOPBACK_NAMES, _plain(listen)} - set(ALL_ADDRESSES)
        self._named: set[Place] = set()
        for text in named:
            self.add(text)

    def add(self, text: str) -> None:
        """Answer to a name that leads here from outside. Raises ValueError for what is no name."""
        place = read_place(text)
        if place is None:
            raise ValueError(text)
        self._named.add(place)

    def answers(self, host: str) -> bool:
        """Whether the value of a Host header is a name of this page, whatever the port: that may be forwarded."""
        place = read_place(host)
        return place is not None and (
            place.name in self._own or self.is_named(host) or _is_loopback(place.name)
            or (self._everywhere and place.name in own_names())
        )  # fmt: skip

    def is_named(self, host: str) -> bool:
        """Whether the user has named this host, as is done where a proxy or a tunnel leads here."""
        place = read_place(host)
        return place is not None and any(place.name == named.name for named in self._named)

    def is_named_origin(self, origin: str) -> bool:
        """Whether pages from `origin` are this one under a name that the user has given, with that name's port."""
        place = read_place(origin)
        if place is None or "://" not in origin:
            return False
        usual = {*_USUAL_PORTS.values(), self.port}
        return any(
            place.name == named.name and (place.port in usual if named.port is None else place.port == named.port)
            for named in self._named
        )


def same_place(origin: str, host: str) -> bool:
    """Whether the address of a page, as its Origin says it, is that of `host`, as a Host header says it."""
    page, served = read_place(origin), read_place(host)
    usual = _USUAL_PORTS.get(origin.partition("://")[0].lower())
    if page is None or served is None or usual is None:
        return False
    return page == (served.name, usual if served.port is None else served.port)


def own_names() -> set[str]:
    """Every address that this machine has now, and its names on the network around it."""
    host = socket.gethostname().lower().rstrip(".")
    short = host.partition(".")[0]
    return {*own_addresses(), host, short, f"{short}.local"}


def own_addresses() -> list[str]:
    """Every address that this machine has now, in their shortest form and without zones."""
    import psutil  # noqa: PLC0415 - names are read before the environment has all its packages

    return [
        _plain(address.address)
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family in (socket.AF_INET, socket.AF_INET6)
    ]


def network_addresses(listen: str) -> list[str]:
    """The addresses at which other machines reach a page that listens on `listen`, if that is all addresses."""
    if listen not in ALL_ADDRESSES:
        return []
    found = dict.fromkeys(ipaddress.ip_address(text) for text in own_addresses())
    return [
        str(address)
        for address in sorted(found, key=lambda address: address.version)
        if not address.is_loopback and not address.is_link_local and (listen == "::" or address.version == 4)
    ]


def url_of(name: str, port: int) -> str:
    """The address of a page at a host's name or address."""
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _plain(name: str) -> str:
    """The same host as other texts may write it: no brackets, zones, capitals or mapped addresses."""
    bare = name.strip("[]").partition("%")[0].lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return bare
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)

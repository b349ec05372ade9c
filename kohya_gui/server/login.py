"""The login: the password's check, the pause after wrong ones, and the cookie of who has come in."""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

COOKIE = "access-token-"  # gradio's, which has the port behind it here: cookies of all ports of a host are one heap
SECOND_COOKIE = "access-token-unsecure-"  # gradio sends another for pages without https; one serves both here
FREE_MISTAKES, LONGEST_PAUSE, FORGOTTEN_AFTER = 3, 10.0, 900.0  # tries, seconds, seconds
ADDRESSES_KEPT = 10_000


@dataclass(frozen=True)
class Login:
    """The one name and password that open the page."""

    username: str
    password: str

    def accepts(self, username: str, password: str) -> bool:
        """Whether both are right, told in the same time whatever is wrong. gradio takes blanks off the name typed."""
        right_name = hmac.compare_digest(username.encode(), self.username.strip().encode())
        right_word = hmac.compare_digest(password.encode(), self.password.encode())
        return right_name & right_word


class Attempts:
    """Wrong passwords by address: after a few each further try waits, longer every time, one try at a time.

    Nobody is locked out: a try that has waited is checked like the first, and other addresses do not wait.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mistakes: dict[str, tuple[int, float]] = {}  # how many, and when the last one was
        self._under_way: set[str] = set()

    def begin(self, address: str) -> float | None:
        """Seconds that a try from `address` has to wait; None while another one from there is under way."""
        place = _network(address)
        if place in self._under_way:
            return None
        self._under_way.add(place)
        count, last = self._mistakes.get(place, (0, 0.0))
        if self._clock() - last > FORGOTTEN_AFTER:
            count = 0
            self._mistakes.pop(place, None)
        return 0.0 if count < FREE_MISTAKES else min(2.0 ** (count - FREE_MISTAKES), LONGEST_PAUSE)

    def end(self, address: str, right: bool | None) -> None:
        """Note how the try that was begun has ended; None: it was given up."""
        place = _network(address)
        self._under_way.discard(place)
        if right:
            self._mistakes.pop(place, None)
        elif right is not None:
            count, _ = self._mistakes.pop(place, (0, 0.0))
            self._mistakes[place] = (count + 1, self._clock())
            if len(self._mistakes) > ADDRESSES_KEPT:
                del self._mistakes[next(iter(self._mistakes))]  # the oldest


def _network(address: str) -> str:
    """What one person has: an IPv4 address, or a network of 2**64 IPv6 addresses."""
    try:
        whole = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(whole, ipaddress.IPv4Address) or whole.ipv4_mapped:
        return str(getattr(whole, "ipv4_mapped", None) or whole)
    return str(ipaddress.ip_network((whole, 64), strict=False))


def safe_cookie(header: str, path: str, https: bool) -> str | None:
    """A Set-Cookie header of gradio's as we send it; None for a cookie that we do not send.

    The login's is for this site alone (SameSite=Lax), out of reach of scripts, and Secure where https is used.
    """
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return None
    for name, morsel in cookies.items():
        if name.startswith(SECOND_COOKIE):
            return None
        if name.startswith(COOKIE):
            morsel.update({"samesite": "Lax", "httponly": "1", "secure": "1" if https else "", "path": path or "/"})
            return morsel.OutputString()
    return header

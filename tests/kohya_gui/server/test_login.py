"""The password's check, the pauses after wrong ones, and the cookie."""

from __future__ import annotations

import pytest

from kohya_gui.server.login import FORGOTTEN_AFTER, FREE_MISTAKES, LONGEST_PAUSE, Attempts, Login, safe_cookie


@pytest.mark.parametrize(
    ("username", "password", "right"),
    [("ann", "pässwörd", True), ("ann", "passw", False), ("bob", "pässwörd", False), ("", "", False)],
)
def test_both_name_and_password_have_to_be_right(username, password, right):
    assert Login("ann", "pässwörd").accepts(username, password) == right


def pauses(attempts: Attempts, address: str, count: int) -> list[float]:
    found = []
    for _ in range(count):
        pause = attempts.begin(address)
        assert pause is not None
        found.append(pause)
        attempts.end(address, right=False)
    return found


def test_wrong_passwords_wait_longer_and_longer_up_to_a_limit():
    found = pauses(Attempts(), "203.0.113.7", 12)
    assert found[:FREE_MISTAKES] == [0.0] * FREE_MISTAKES
    assert found == sorted(found)
    assert found[FREE_MISTAKES] > 0
    assert found[-1] == LONGEST_PAUSE


def test_other_addresses_do_not_wait_but_a_neighbour_in_the_same_ipv6_network_does():
    attempts = Attempts()
    pauses(attempts, "203.0.113.7", 9)
    pauses(attempts, "2001:db8::1", 9)
    assert attempts.begin("203.0.113.8") == 0.0
    assert attempts.begin("2001:db8::2") == LONGEST_PAUSE
    assert attempts.begin("2001:db8:0:1::1") == 0.0
    assert attempts.begin("::ffff:203.0.113.7") == LONGEST_PAUSE


def test_a_right_password_ends_the_waiting():
    attempts = Attempts()
    pauses(attempts, "a", 9)
    assert attempts.begin("a") == LONGEST_PAUSE
    attempts.end("a", right=True)
    assert attempts.begin("a") == 0.0


def test_mistakes_are_forgotten_in_time():
    now = 1000.0
    attempts = Attempts(clock=lambda: now)
    pauses(attempts, "a", 9)
    now += FORGOTTEN_AFTER + 1
    assert attempts.begin("a") == 0.0


def test_one_address_tries_one_password_at_a_time():
    attempts = Attempts()
    assert attempts.begin("a") == 0.0
    assert attempts.begin("a") is None
    attempts.end("a", right=None)
    assert attempts.begin("a") == 0.0


def test_the_login_s_cookie_is_for_this_site_and_out_of_reach_of_scripts():
    given = "access-token-7860=abc; HttpOnly; Path=/; SameSite=none; Secure"
    plain, secure = safe_cookie(given, "", https=False), safe_cookie(given, "/crucible", https=True)
    assert plain is not None
    assert secure is not None
    assert set(plain.split("; ")) == {"access-token-7860=abc", "HttpOnly", "Path=/", "SameSite=Lax"}
    assert set(secure.split("; ")) == {"access-token-7860=abc", "HttpOnly", "Path=/crucible", "SameSite=Lax", "Secure"}
    assert safe_cookie("access-token-unsecure-7860=abc; HttpOnly", "", https=False) is None
    assert safe_cookie("other=1; Path=/", "", https=False) == "other=1; Path=/"
    deleted = safe_cookie('access-token-7860=""; Max-Age=0; Path=/; SameSite=lax', "", https=False)
    assert deleted is not None
    assert "Max-Age=0" in deleted

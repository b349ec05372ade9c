"""Drafts of forms, kept for each user."""

from __future__ import annotations

import errno

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kohya_gui.form.drafts import load_draft, save_draft
from train_core.config import whole_files
from train_core.config.places import home


@pytest.fixture(autouse=True)
def crucible_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))


values = st.dictionaries(
    st.text(max_size=20), st.none() | st.booleans() | st.integers() | st.text(max_size=50), max_size=5
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=st.text(max_size=30), draft=values)
def test_a_draft_comes_back_whatever_the_users_name(user, draft):
    save_draft(user, draft)
    assert load_draft(user) == draft
    assert all(path.parent == home() / "drafts" for path in home().rglob("*.json"))


def test_users_do_not_see_each_others_drafts():
    save_draft("ann", {"seed": 1})
    save_draft("Ann", {"seed": 2})
    assert load_draft("ann") == {"seed": 1}
    assert load_draft("bob") == {}


@pytest.mark.parametrize("torn", ["", "{", "[1]", '"text"'])
def test_a_torn_draft_is_an_empty_one(torn):
    save_draft("ann", {"seed": 1})
    next((home() / "drafts").iterdir()).write_text(torn)
    assert load_draft("ann") == {}


def test_a_draft_that_cannot_be_kept_is_told_once_until_one_is_kept_again(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    save_draft("ann", {"seed": 1})
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(whole_files, "_rename", full)
            told = save_draft("ann", {"seed": 2})
            assert told is not None
            assert (told.code, told.params["reason"]) == ("draft_not_kept", "No space left on device")
            assert save_draft("ann", {"seed": 3}) is None
        assert load_draft("ann") == {"seed": 1}
        assert save_draft("ann", {"seed": 1}) is None

"""Two runs are compared by the settings that they were started with."""

from __future__ import annotations

import pytest

from kohya_gui.runs.history.differences import changed_settings, differences
from tests.kohya_gui.runs.history.conftest import MakeRun
from train_core.config.problems import UserError


def test_what_differs_is_listed_in_the_forms_order_and_nothing_else(make_run: MakeRun) -> None:
    first = make_run("20260101-000000-a", network_dim=8, seed=1)
    second = make_run("20260102-000000-b", network_dim=64, seed=1, flip_aug=True)
    found = {one.name: (one.first, one.second) for one in differences(first, second)}
    assert found["network_dim"] == (8, 64)
    assert found["flip_aug"] == (False, True)
    assert "seed" not in found
    assert list(found) == [one.name for one in differences(second, first)]


def test_a_run_says_what_it_changed(make_run: MakeRun) -> None:
    changed = changed_settings(make_run("20260101-000000-a", network_dim=8))
    assert changed["network_dim"] == 8
    assert "network_alpha" not in changed


def test_unreadable_settings_are_named(make_run: MakeRun) -> None:
    first, second = make_run("20260101-000000-a"), make_run("20260102-000000-b")
    (second / "config.toml").write_text("a = = 1", "utf-8")
    with pytest.raises(UserError, match=r"config\.toml"):
        differences(first, second)

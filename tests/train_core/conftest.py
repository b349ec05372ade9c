"""A home of its own for every test, so that nothing is remembered from one to the next."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def crucible_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh CRUCIBLE_HOME."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("CRUCIBLE_HOME", str(home))
    return home

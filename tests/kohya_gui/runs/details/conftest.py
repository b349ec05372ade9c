"""A training with three epochs, each with a file and two sample pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trained import trained_run


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Path]:
    """`trained(name)` makes such a run in the home; see `tests.trained.trained_run`."""
    return lambda name="20260101-000000-fox", **more: trained_run(name, tmp_path, **more)

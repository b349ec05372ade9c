"""Jobs that train by methods of their own: the fixtures of the jobs' tests."""

from __future__ import annotations

from tests.train_core.jobs.conftest import bf16_everywhere, images, own_home, prepare

__all__ = ["bf16_everywhere", "images", "own_home", "prepare"]

"""A tiny SD 1.x of its own for each test that asks, so that no test sees another's adapter."""

from __future__ import annotations

import copy

import pytest

from tests.tiny import tiny_modules
from train_core.models.targets import text_encoder_targets, unet_targets


@pytest.fixture
def modules():
    """Fresh copies of "unet" and "text_encoder", fp32."""
    return {name: copy.deepcopy(tiny_modules()[name]) for name in ("unet", "text_encoder")}


@pytest.fixture
def targets(modules):
    """All targets of `modules`, the text encoder's first."""
    return [*text_encoder_targets(modules["text_encoder"]), *unet_targets(modules["unet"])]

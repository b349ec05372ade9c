"""Every training method, as the settings of a short training: what all tests over methods are parametrised over."""

from __future__ import annotations

from typing import Any

# By a name for the test's id. Families that a method cannot train are left out by the tests of the method itself.
METHODS: dict[str, dict[str, Any]] = {
    "LoRA": {"training_method": "LoRA"},
    "whole model": {"training_method": "fine-tuning"},
    "embedding": {"training_method": "textual inversion", "token_string": "zuko-fox", "num_vectors_per_token": "2"},
    "hypernetwork": {"training_method": "hypernetwork"},
}

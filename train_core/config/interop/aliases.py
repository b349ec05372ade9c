"""Older and foreign names of settings and choices, translated into the present ones."""

from __future__ import annotations

from typing import Any

from train_core.config.interop.lora_types import with_our_lora_type
from train_core.config.syntax.coerce import TRUE_WORDS


def in_our_words(values: dict[str, Any]) -> dict[str, Any]:
    """`values` from any source under the names that settings have here."""
    values = with_our_lora_type(values)
    if "no_metadata" in values:
        minimal = str(values["no_metadata"]).strip().lower() in TRUE_WORDS
        depth = {"metadata_depth": "minimal"} if minimal else {}
        values = {**depth, **{name: value for name, value in values.items() if name != "no_metadata"}}
    return values

"""Another program's file that a preset was made from, kept in it so that it can be written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The name of the table in our presets.
KEPT = "imported_from"


@dataclass(frozen=True)
class Kept:
    """The `values` of a file of `program` by its own names; empty where there was none."""

    program: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        """The table for a preset; empty where nothing is kept."""
        return {KEPT: {"program": self.program, "values": dict(self.values)}} if self.values else {}


def kept_in(tables: Mapping[str, Any]) -> Kept:
    """What the `tables` of a preset keep of another program's file."""
    table = tables.get(KEPT)
    if not isinstance(table, dict) or not isinstance(table.get("values"), dict):
        return Kept()
    return Kept(str(table.get("program", "")), table["values"])

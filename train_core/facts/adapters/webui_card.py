"""The card of an adapter as A1111 and Forge read it: a JSON file beside the adapter's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def webui_card(*, description: str, version: str, trigger: str, weight: float, notes: str) -> str:
    """The card's text. `version` is A1111's word for the kind of model, `weight` the one to draw with, 0 for none."""
    card = {
        "description": description, "sd version": version, "activation text": trigger, "preferred weight": weight,
        "notes": notes,
    }  # fmt: skip
    return card_text(card)


def card_text(card: Mapping[str, Any]) -> str:
    """A card as A1111 writes it."""
    return json.dumps(card, ensure_ascii=False, indent=4) + "\n"

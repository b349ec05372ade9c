"""The card of an adapter as A1111 and Forge read it: a JSON file beside the adapter's."""

from __future__ import annotations

import json


def webui_card(*, description: str, version: str, trigger: str, weight: float, notes: str) -> str:
    """The card's text. `version` is A1111's word for the kind of model, `weight` the one to draw with, 0 for none."""
    card = {
        "description": description, "sd version": version, "activation text": trigger, "preferred weight": weight,
        "notes": notes,
    }  # fmt: skip
    return json.dumps(card, ensure_ascii=False, indent=4) + "\n"

"""A form's answer to what is being typed, for the page's script (assets/form.js), which asks over `server/forms.py`.

gradio would carry every field of the form there and back for every key: a second, where the answer itself takes 10 ms.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from train_core.config.untrusted import json_of


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a form says of its values.

    `parts` are HTML by the id of the element that shows it; `hidden` are the settings that do not apply, each with the
    reason; `away` the sections in which nothing is left; `messages` are HTML by the setting under whose field they
    stand, and `notes` say there what a value is; `changed` differ from the default; `summaries` say what a folded
    section holds; `blocks` are the settings with a number for each block; `told` is said once, in a corner. `paths` are
    the marks of paths by setting: what they are (files/marks.py), and the same in words.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    away: tuple[str, ...] = ()
    messages: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    summaries: Mapping[str, str] = field(default_factory=dict)
    blocks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    paths: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    told: tuple[str, ...] = ()


def news(answer: Answer, known: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of `answer` that are not `known`, a checksum by name, with the checksums of all: what is to be sent."""
    everything: dict[str, Any] = {**asdict(answer)}
    everything |= {f"#{id}": html for id, html in everything.pop("parts").items()}
    sums = {name: zlib.crc32(json.dumps(value).encode()) for name, value in everything.items()}
    fresh = {name: value for name, value in everything.items() if known.get(name) != sums[name] or name == "told"}
    return {"news": fresh, "sums": sums}


def read_json(sent: str | bytes | None) -> Any:
    """What a script has sent as JSON; None if it is none."""
    try:
        return json_of(sent or "null")
    except ValueError:
        return None


def readable(sent: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    """The values in `sent`, which may be anything, of the settings `names`: texts, numbers and yes or no."""
    given = sent if isinstance(sent, dict) else {}
    return {
        name: value for name, value in given.items()
        if name in names and (value is None or isinstance(value, str | int | float))
    }  # fmt: skip

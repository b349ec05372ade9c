"""Parts of a message that can be said in every language: a reason, a list, the name of a setting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

# How the items of a list are joined in English; other languages have their own, by the same names.
JOINTS = {
    "comma": ", ", "clause": ", ", "line": "\n", "semicolon": "; ", "or": " or ", "and": " and ", "also": ", and ",
}


class Phrase(str):
    """English text that knows its code and parameters, so that a page can say the same in its own language.

    It is a parameter of a `Problem` or of another phrase. A code with a dot is the key of a text that every language
    has anyway, such as a setting's label; the translation of any other is found as `phrase.CODE`.
    """

    code: str
    params: dict[str, Any]

    def __new__(cls, text: str, code: str = "", params: dict[str, Any] | None = None) -> Phrase:
        made = super().__new__(cls, text)
        made.code, made.params = code, params or {}
        return made


def phrase(code: str, template: str, **params: Any) -> Phrase:
    """A `Phrase` whose English is `template` with `params` filled in; translations use the same placeholders."""
    return Phrase(template.format(**params), code, params)


def joined(joint: str, items: Iterable[object]) -> Phrase:
    """`items` as a list in words; `joint` is one of `JOINTS`."""
    items = list(items)
    return Phrase(JOINTS[joint].join(str(item) for item in items), joint, {"items": items})


def first_of(names: Sequence[str], most: int) -> str:
    """At most `most` of `names` as a list, with dots where there are more."""
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")


def setting_name(name: str) -> Phrase:
    """The setting `name`, which other languages show with its label."""
    return Phrase(name, "setting", {"name": name, "label": Phrase(name, f"setting.{name}.label")})


def to_plain(value: Any) -> Any:
    """A parameter as JSON holds it: a phrase as its code, parameters and English text."""
    if isinstance(value, Phrase):
        return {"code": value.code, "text": str(value), "params": to_plain(value.params)}
    if isinstance(value, dict):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def from_plain(value: Any) -> Any:
    """The parameter that `to_plain` wrote."""
    if isinstance(value, dict) and isinstance(value.get("code"), str) and isinstance(value.get("text"), str):
        params = value.get("params")
        return Phrase(value["text"], value["code"], from_plain(params) if isinstance(params, dict) else None)
    if isinstance(value, dict):
        return {name: from_plain(item) for name, item in value.items()}
    return [from_plain(item) for item in value] if isinstance(value, list) else value

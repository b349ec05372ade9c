"""What kind of value a setting holds, and how its numbers are written."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin

from train_core.config.setting import Setting


def plain_type(annotation: Any) -> Any:
    """The type without its `| None`."""
    if get_origin(annotation) in (Union, types.UnionType):
        return next(a for a in get_args(annotation) if a is not type(None))
    return annotation


def kind_word(s: Setting) -> str:
    """The kind in a word: `list`, `true_or_false`, `whole_number`, `number` or `text`."""
    kind = plain_type(s.annotation)
    if get_origin(kind) is list:
        return "list"
    if get_origin(kind) is Literal:
        kind = type(get_args(kind)[0])
    return {bool: "true_or_false", int: "whole_number", float: "number", str: "text"}[kind]


def number_text(value: float) -> str:
    """A number as people of this field write it: `1e-4`, `0.05`, `16`."""
    if value and abs(value) < 1e-2:
        mantissa, _, exponent = f"{value:.12e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.12g}"

"""What kind of value a setting holds."""

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

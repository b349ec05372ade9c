"""Values from JSON lines, converted to the types of an event's fields; those that do not fit are dropped."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from train_core.events.event import OTHERWISE

UNUSABLE: Any = object()
LARGEST_INTEGER = 2**53  # above it floats, which charts compute in, skip whole numbers
Reader = Callable[[Any], Any]
Built = TypeVar("Built")


def build(cls: type[Built], line: Mapping[str, Any]) -> Built:
    """An instance of a dataclass with what `line` has for its fields. Never raises, whatever JSON `line` came from."""
    values = {}
    for name, read, otherwise in _plan(cls):  # type: ignore[arg-type]  # mypy takes a class for its instances
        value = read(line[name]) if name in line else UNUSABLE
        values[name] = otherwise() if value is UNUSABLE else value
    return cls(**values)


@cache
def _plan(cls: type) -> list[tuple[str, Reader, Callable[[], Any]]]:
    """List each field of `cls` with the function that reads it and the one that gives its value otherwise."""
    hints = get_type_hints(cls)
    return [(one.name, _reader(hints[one.name]), _otherwise(one, hints[one.name])) for one in fields(cls)]


def _otherwise(one: Field[Any], hint: Any) -> Callable[[], Any]:
    if OTHERWISE in one.metadata:
        return lambda: one.metadata[OTHERWISE]
    if one.default is not MISSING:
        return lambda: one.default
    return one.default_factory if one.default_factory is not MISSING else _empty(hint)


def _empty(hint: Any) -> Callable[[], Any]:
    """A function that gives the value of an unknown field."""
    if get_origin(hint) is Mapping:
        return dict
    if get_origin(hint) is Sequence:
        return tuple
    return hint if hint in (str, int, float, bool) else lambda: None


def _reader(hint: Any) -> Reader:
    """The function that makes a JSON value fit `hint`, or gives UNUSABLE."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _first_of([_reader(one) for one in inner])
    if origin is Literal:
        return lambda value: value if isinstance(value, str) and value in inner else UNUSABLE
    if origin is Mapping:
        return _mapping(_reader(inner[1]))
    if origin is Sequence:
        return _sequence(_reader(inner[0]))
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda value: build(hint, value) if isinstance(value, dict) else UNUSABLE
    return SCALARS[hint]


def _first_of(readers: Sequence[Reader]) -> Reader:
    def read(value: Any) -> Any:
        return next((found for one in readers if (found := one(value)) is not UNUSABLE), UNUSABLE)

    return read


def _mapping(read: Reader) -> Reader:
    def read_all(value: Any) -> Any:
        if not isinstance(value, dict):
            return UNUSABLE
        return {_text(name): found for name, one in value.items() if (found := read(one)) is not UNUSABLE}

    return read_all


def _sequence(read: Reader) -> Reader:
    def read_all(value: Any) -> Any:
        if not isinstance(value, list):
            return UNUSABLE
        return tuple(found for one in value if (found := read(one)) is not UNUSABLE)

    return read_all


def _text(value: Any) -> Any:
    """`value` if it is text; halves of letters, which no terminal or page could show, become question marks."""
    if not isinstance(value, str):
        return UNUSABLE
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    usable = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INTEGER
    return value if usable else UNUSABLE


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else UNUSABLE
    return value if (value := _whole(value)) is UNUSABLE else float(value)


def _anything(value: Any) -> Any:
    """`value` with all its texts fit to be shown, and numbers too large to compute with as text."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return [_anything(one) for one in value]
    if isinstance(value, dict):
        return {_text(name): _anything(one) for name, one in value.items()}
    return str(value) if isinstance(value, int) and abs(value) > LARGEST_INTEGER else value


SCALARS: dict[Any, Reader] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: lambda value: value if isinstance(value, bool) else UNUSABLE,
    type(None): lambda value: value if value is None else UNUSABLE,
    Any: _anything,
}

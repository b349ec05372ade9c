"""The small languages inside of settings: key=value arguments, and numbers between commas."""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from train_core.config.problems import Problem, problem, raise_if_any
from train_core.config.syntax.signs import plain_signs

# An argument begins with its name, at the front or behind a blank, a comma or a semicolon, outside of brackets and
# quotes. No part may match in two ways, or long texts would take very long.
_TOKEN = re.compile(
    r"""
    (?P<quoted>"[^"]*"|'[^']*')
    | (?P<open>[(\[{]) | (?P<close>[)\]}])
    | (?<![^\s,;])(?P<key>[A-Za-z_]\w*\s*=)
    """,
    re.VERBOSE,
)
_KEY = re.compile(r"\s*[A-Za-z_]\w*\s*=")
_BETWEEN = " \t\r\n,;"
_WORDS = {"true": True, "false": False, "inf": math.inf}


def words_in(raw: Any) -> list[str]:
    """The arguments in what a file or a form holds: a text, of which each line may have several, a list, or a table.

    The items of a list stay as they are; empty ones are left out. ValueError for anything else.
    """
    if raw is None:
        return []
    if isinstance(raw, str):
        return [argument for line in raw.split("\n") for argument in _split(line)]
    if isinstance(raw, Mapping):
        return [f"{key}={value}" for key, value in raw.items()]
    if not isinstance(raw, list | tuple) or not all(_is_word(item) for item in raw):
        raise ValueError(raw)
    return [str(item) for item in raw if str(item).strip()]


def _is_word(item: Any) -> bool:
    return isinstance(item, str | int | float) and not isinstance(item, bool)


def separate(words: Iterable[str]) -> list[str]:
    """`words`, of which each may hold several arguments, as one argument each: `["a=1 b=2,"]` is `["a=1", "b=2"]`."""
    return [f"{key}={text}" if key else text for word in words for key, text in _pairs(word)]


def parse_arguments(words: Iterable[str], setting_name: str) -> dict[str, Any]:
    """`["weight_decay=0.01", "betas=0.9,0.99"]` as a dict of Python values; text that is no literal stays text.

    Raises `UserError` naming each word that is not key=value, and each key with two values.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, text in (pair for word in words for pair in _pairs(word)):
        if not key:
            problems.append(
                problem(
                    "argument_not_key_value",
                    "{word} in {setting} is not written as key=value, for example weight_decay=0.01.",
                    word=repr(text), setting=setting_name,
                )
            )
            continue
        value = _literal(text)
        if key in values and values[key] != value:
            problems.append(
                problem(
                    "argument_twice",
                    "{setting} gives {key} two values, {first} and {second}. Keep one.",
                    setting=setting_name, key=key, first=repr(values[key]), second=repr(value),
                )
            )
        values.setdefault(key, value)
    raise_if_any(problems)
    return values


def _pairs(word: str) -> Iterator[tuple[str, str]]:
    """The key and the text of the value of each argument in `word`; an empty key where there is none."""
    for argument in _split(word):
        found = _KEY.match(plain_signs(argument))
        if found:
            yield argument[: found.end() - 1].strip(), argument[found.end() :].strip()
        else:
            yield "", argument


def _split(text: str) -> Iterator[str]:
    """`text` cut before each key, without what stands between arguments; quotes around a whole argument are taken off.
    """
    plain = plain_signs(text)
    starts, depth, place = [0], 0, 0
    while found := _TOKEN.search(plain, place):
        place = found.end()
        depth = max(0, depth + bool(found["open"]) - bool(found["close"]))
        if found["key"] and not depth:
            starts.append(found.start())
        elif found["quoted"] and not depth and _is_argument(plain, *found.span()):
            starts += [found.start(), found.end()]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        piece = text[start:end]
        first, last = _trimmed(plain[start:end])
        if first < last:
            yield from _unquoted(piece[first:last])


def _is_argument(plain: str, start: int, end: int) -> bool:
    """Whether the quotes from `start` to `end` stand alone and hold an argument."""
    alone = (not start or plain[start - 1] in _BETWEEN) and (end == len(plain) or plain[end] in _BETWEEN)
    return alone and _KEY.match(plain, start + 1, end) is not None


def _trimmed(plain: str) -> tuple[int, int]:
    """Where what is left of `plain` without blanks, commas and semicolons around it begins and ends."""
    return len(plain) - len(plain.lstrip(_BETWEEN)), len(plain.rstrip(_BETWEEN))


def _unquoted(piece: str) -> Iterator[str]:
    if len(piece) > 1 and plain_signs(piece[0]) in ("'", '"') and _KEY.match(plain_signs(piece), 1):
        yield from _split(piece[1:-1])
    else:
        yield piece


def _literal(text: str) -> Any:
    """The Python value that `text` is, also where it is written with full-width signs; else the text."""
    for written in dict.fromkeys((text, plain_signs(text))):
        if written.lower() in _WORDS:
            return _WORDS[written.lower()]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                return ast.literal_eval(written)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return text


def parse_numbers(text: str) -> list[float]:
    """`"5e-5, 2e-5"` as numbers; none for empty text. ValueError for anything else."""
    return [float(number) for number in plain_signs(text).split(",")] if text.strip() else []

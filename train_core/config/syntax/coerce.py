"""Turning what a file, a form or a command line holds into a setting's type, leniently where the meaning is clear."""

from __future__ import annotations

import math
import operator
import re
import types
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import PureWindowsPath
from typing import Any, Literal, Union, get_args, get_origin

from train_core.config.file_names import FORBIDDEN
from train_core.config.phrases import Phrase, joined, phrase
from train_core.config.problems import Problem, UserError, problem
from train_core.config.setting import Setting
from train_core.config.syntax.arguments import words_in
from train_core.config.syntax.signs import full_width_signs, plain_signs

TRUE_WORDS = {"true", "on", "yes", "1"}
FALSE_WORDS = {"false", "off", "no", "0"}


def coerce(setting: Setting, raw: Any, source: str) -> Any:
    """The value of `setting` that `raw` means; empty text and None mean the default.

    Full-width signs count as plain ones wherever the value is no free text. Raises `UserError` naming the setting, the
    value, `source` and the fix.
    """
    as_written: UserError | None = None
    for form in _forms(setting, raw):
        try:
            return _value(setting, form, source)
        except UserError as error:
            as_written = as_written or error
    assert as_written is not None  # there is at least one form
    if _is_of_numbers(setting) and full_width_signs(str(raw)):
        raise UserError(_full_width(setting, raw, source))
    raise as_written


def _forms(setting: Setting, raw: Any) -> list[Any]:
    """`raw` in the forms in which it may be meant, the likeliest first.

    As written, plain, without a comma at the end, and with commas for ×.
    """
    plain = _plain(raw)
    if not _is_of_numbers(setting):
        return [raw, plain]
    kind, _ = _kind(setting.annotation)
    if isinstance(plain, str) and (kind not in (str, list[str]) or setting.traits.comma_at_end):
        by_comma = re.sub(r"(?<=\d)\s*[x×*]\s*(?=\d)", ",", plain) if setting.traits.comma_at_end else plain
        return [plain, plain.rstrip().removesuffix(",") or plain, by_comma]
    return [plain]


def _plain(raw: Any) -> Any:
    """`raw` with plain signs in place of full-width ones."""
    if isinstance(raw, list | tuple):
        return [_plain(item) for item in raw]
    return plain_signs(raw) if isinstance(raw, str) else raw


def _is_of_numbers(setting: Setting) -> bool:
    """Whether the value is numbers, choices or a language of these, which need no full-width signs."""
    kind, _ = _kind(setting.annotation)
    return kind not in (str, list[str]) or setting.traits.plain or r"\d" in str(setting.bound("pattern"))


def _full_width(setting: Setting, raw: Any, source: str) -> Problem:
    return problem(
        "full_width_signs",
        "{name} = {value} in {source} contains full-width characters, {signs}, and cannot be read with plain ones in "
        "their place either. Expected: {help}",
        name=setting.name, value=repr(raw), source=source, signs=" ".join(full_width_signs(str(raw))),
        help=help_of(setting),
    )


def _value(setting: Setting, raw: Any, source: str) -> Any:
    """The value that `raw` means as it is written."""
    if raw is None or (raw == "" and setting.annotation is not str):
        return setting.default
    kind, optional = _kind(setting.annotation)
    if setting.traits.zero_unset and is_zero(raw):
        return setting.default
    try:
        value = _list(setting, raw) if get_origin(kind) is list else _convert(kind, raw)
    except (ValueError, TypeError, OverflowError):
        raise UserError(_wrong_type(setting, raw, source)) from None
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise UserError(_not_a_choice(setting, get_args(kind), raw, source))
    trouble = None if optional and value is None else _out_of_bounds(setting, value, source)
    if trouble:
        raise UserError(trouble)
    return value


def is_zero(raw: Any) -> bool:
    """Whether `raw`, also written as text, is the number 0; false is not."""
    try:
        return _number(raw) == 0
    except (ValueError, TypeError, OverflowError):
        return False


def _kind(annotation: Any) -> tuple[Any, bool]:
    """The type without its `| None`, and whether it had one."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return inner[0], len(inner) < len(get_args(annotation))
    return annotation, False


def _convert(kind: Any, raw: Any) -> Any:
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return _whole_number(raw) if isinstance(choices[0], int) else _choice(choices, raw)
    return {bool: _boolean, int: _whole_number, float: _number, str: _text}[kind](raw)


def _choice(choices: tuple[Any, ...], raw: Any) -> str:
    return next((c for c in choices if str(raw).strip().lower() == c.lower()), str(raw))


def _boolean(raw: Any) -> bool:
    word = str(raw).strip().lower()
    if isinstance(raw, bool) or word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    raise ValueError(raw)


def _whole_number(raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?\d+\s*", raw):
        return int(raw)
    number = _number(raw)
    if number != int(number):
        raise ValueError(raw)
    return int(number)


def _number(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError(raw)
    number = float(raw)
    if not math.isfinite(number):
        raise ValueError(raw)
    return number


def _text(raw: Any) -> str:
    if isinstance(raw, bool):
        raise ValueError(raw)
    if isinstance(raw, list | tuple):
        return ",".join(str(item) for item in raw)
    if isinstance(raw, dict):
        raise ValueError(raw)
    return str(raw)


def _list(setting: Setting, raw: Any) -> list[str]:
    """A list of arguments, of paths, or of other texts, one a line."""
    if setting.traits.arguments:
        return words_in(raw)
    if isinstance(raw, str):
        raw = raw.splitlines()
    kinds = str if setting.traits.path else str | int | float
    if isinstance(raw, list | tuple) and all(isinstance(item, kinds) and not isinstance(item, bool) for item in raw):
        return [text for item in raw if (text := str(item).strip())]
    raise ValueError(raw)


def arguments_in(name: str, raw: Any, source: str) -> list[str]:
    """The arguments in `raw`, the value of `name` in `source`. Raises `UserError` where it holds none."""
    try:
        return words_in(raw)
    except ValueError:
        raise UserError(
            problem(
                "wrong_type",
                "{name} = {value} in {source}: expected {expected}. Correct it, or remove it to use the default, "
                "{default}.",
                name=name, value=repr(raw), source=source, default="[]",
                expected=phrase("a_list_of_words", "a list of key=value pairs"),
            )
        ) from None


def _wrong_type(setting: Setting, raw: Any, source: str) -> Problem:
    return problem(
        "wrong_type",
        "{name} = {value} in {source}: expected {expected}. Correct it, or remove it to use the default, {default}.",
        name=setting.name, value=repr(raw), source=source, expected=expected(setting), default=repr(setting.default),
    )


def expected(setting: Setting) -> Phrase:
    """The kind of value that `setting` holds, in words."""
    kind, _ = _kind(setting.annotation)
    if get_origin(kind) is list and setting.traits.path:
        return phrase("a_list_of_paths", "a list of paths")
    if setting.traits.arguments:
        return phrase("a_list_of_words", "a list of key=value pairs")
    if get_origin(kind) is list:
        return phrase("a_list_of_texts", "a list of texts")
    if get_origin(kind) is Literal or kind is int:
        return phrase("a_whole_number", "a whole number")
    words = {
        bool: phrase("true_or_false", "true or false"), float: phrase("a_number", "a number"),
        str: phrase("text", "text"),
    }  # fmt: skip
    return words[kind]


def help_of(setting: Setting) -> Phrase:
    """The help of `setting`, for quoting in a message."""
    return Phrase(setting.help, f"setting.{setting.name}.help")


def bounds(setting: Setting) -> Phrase:
    """Between which numbers the value of `setting` must lie."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits: list[str] = [
        f"{sign} {limit:g}" for name, sign in signs.items() if (limit := setting.bound(name)) is not None
    ]
    step = setting.bound("multiple_of")
    if step is not None:
        limits.append(phrase("a_multiple_of", "a multiple of {step}", step=f"{step:g}"))
    return joined("and", limits)


def _not_a_choice(setting: Setting, choices: tuple[Any, ...], raw: Any, source: str) -> Problem:
    words = [str(c) for c in choices]
    near = get_close_matches(str(raw), words, 1)
    return problem(
        "not_a_choice",
        "{name} = {value} in {source} is not one of the choices. Use one of {choices}; the nearest is {nearest}.",
        name=setting.name, value=repr(raw), source=source, choices=", ".join(words), nearest=(near or words)[0],
    )


def _out_of_bounds(setting: Setting, value: Any, source: str) -> Problem | None:
    if not _within(setting, value):
        return problem(
            "out_of_bounds",
            "{name} = {value} in {source} is out of bounds: it must be {bounds}. The default is {default}.",
            name=setting.name, value=value, source=source, bounds=bounds(setting), default=repr(setting.default),
        )
    pattern = setting.bound("pattern")
    too_short = (setting.bound("min_length") or 0) > len(value) if isinstance(value, str) else False
    misspelt = pattern and not re.fullmatch(str(pattern), value)
    if misspelt and setting.traits.folder_setting and not too_short:
        return _not_a_name(setting, value, source)
    if too_short or misspelt:
        return problem(
            "bad_format",
            "{name} = {value} in {source} is not written as expected: {help} The default is {default}.",
            name=setting.name, value=repr(value), source=source, help=help_of(setting), default=repr(setting.default),
        )
    return None


def _not_a_name(setting: Setting, value: str, source: str) -> Problem:
    """The problem of a path, or of letters that some system forbids, where the name of a file belongs."""
    if re.search(r"[\\/]", value):
        last = FORBIDDEN.sub("", PureWindowsPath(value).name) or setting.default
        return problem(
            "name_is_a_path",
            "{name} = {value} in {source} is a path, but only the name of a file belongs here. Write {name} = {last}, "
            "and put the folder into {folder}.",
            name=setting.name, value=repr(value), source=source, last=last, folder=setting.traits.folder_setting,
        )
    return problem(
        "name_forbidden_letters",
        "{name} = {value} in {source} contains {letters}, which not every system allows in file names. Leave it out.",
        name=setting.name, value=repr(value), source=source,
        letters=" ".join(dict.fromkeys(FORBIDDEN.findall(value))),
    )


def _within(setting: Setting, value: Any) -> bool:
    """Whether `value` keeps all numeric bounds of `setting`."""
    rules: dict[str, Callable[[Any, float], bool]] = {
        "ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt,
        "multiple_of": lambda number, step: number % step == 0,
    }  # fmt: skip
    limits = {name: setting.bound(name) for name in rules}
    return all(rules[name](value, limit) for name, limit in limits.items() if limit is not None)

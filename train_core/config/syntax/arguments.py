"""The small languages inside of settings: key=value words, and numbers between commas."""

from __future__ import annotations

import ast
from typing import Any

from train_core.config.problems import Problem, problem, raise_if_any


def parse_arguments(words: list[str], setting_name: str) -> dict[str, Any]:
    """`["weight_decay=0.01", "betas=0.9,0.99"]` as a dict of Python values; text that is no literal stays text.

    Raises `UserError` naming each word that is not key=value.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key.strip().isidentifier():
            problems.append(
                problem(
                    "argument_not_key_value",
                    "{word} in {setting} is not written as key=value, for example weight_decay=0.01.",
                    word=repr(word), setting=setting_name,
                )
            )
            continue
        values[key.strip()] = _literal(text.strip())
    raise_if_any(problems)
    return values


def _literal(text: str) -> Any:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def parse_numbers(text: str) -> list[float]:
    """`"5e-5, 2e-5"` as numbers; none for empty text. ValueError for anything else."""
    return [float(number) for number in text.split(",")] if text.strip() else []

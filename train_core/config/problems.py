"""Problems, worded so that a person can act on them and a page can translate them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One finding: a stable code, the parameters of its message, and the English text filled in with them."""

    code: str
    text: str
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


def problem(code: str, template: str, **params: Any) -> Problem:
    """A `Problem` whose English text is `template` with `params` filled in; translations use the same placeholders."""
    return Problem(code, template.format(**params), params)


class UserError(Exception):
    """An error that the user can fix. Has every problem found, so that all are reported at once."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(p.text for p in problems))
        self.problems = problems


def cause_of(error: Exception) -> str:
    """The cause of `error` in the system's words, without its number and file; else the error's own."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def unique(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """`problems` without duplicates."""
    return tuple({found.text: found for found in problems}.values())


def problems_of(check: Callable[[], object]) -> tuple[Problem, ...]:
    """The problems that `check` raises."""
    try:
        check()
    except UserError as error:
        return error.problems
    return ()


def raise_if_any(problems: Iterable[Problem]) -> None:
    """Raise one `UserError` with all `problems`; do nothing when there are none."""
    found = tuple(problems)
    if found:
        raise UserError(*found)

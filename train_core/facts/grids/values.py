"""The values of an axis as people type them, by the rules of A1111's X/Y/Z plot without its faults."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from decimal import Decimal

from train_core.config.syntax.signs import plain_signs

MOST = 10_000  # values of a range
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(
    rf"(?P<first>{_NUMBER})\s*-\s*(?P<last>{_NUMBER})\s*"
    rf"(?:\(\s*(?P<step>{_NUMBER})\s*\)|\[\s*(?P<count>\d+)\s*\])?"
)


def values_in(text: str) -> list[str]:
    """The values of a row, separated by commas; those with commas stand within "…", where "" is a quote.

    Full-width commas separate too. Empty values are left out.
    """
    row = next(csv.reader([plain_commas(text)], skipinitialspace=True), [])
    return [value.strip() for value in row if value.strip()]


def plain_commas(text: str) -> str:
    """`text` with ， between values as a comma; within quotes it stays."""
    pieces = re.split(r'("(?:[^"]|"")*")', text)
    return "".join(piece if number % 2 else piece.replace("，", ",") for number, piece in enumerate(pieces))


def numbers_in(value: str) -> list[str]:
    """The numbers that `value` means: one, or a range such as 1-5, 1-5 (+2), 5-1 and 1-10 [5], both ends included.

    Raises ValueError for what is neither, and for a range that leads nowhere or is too long.
    """
    said = plain_signs(value).strip()
    if re.fullmatch(_NUMBER, said):
        return [_written(Decimal(said))]
    found = _RANGE.fullmatch(said)
    if found is None:
        raise ValueError(value)
    first, last = Decimal(found["first"]), Decimal(found["last"])
    if found["count"] is not None:
        return [_written(number) for number in _spread(first, last, int(found["count"]))]
    step = Decimal(found["step"]) if found["step"] else Decimal(1 if last >= first else -1)
    if not step or (last - first) / step < 0:
        raise ValueError(value)
    count = int((last - first) / step) + 1
    if count > MOST:
        raise ValueError(value)
    return [_written(first + number * step) for number in range(count)]


def _spread(first: Decimal, last: Decimal, count: int) -> Iterator[Decimal]:
    """`count` numbers from `first` to `last` at equal distances; whole ones between whole ends."""
    if not 1 <= count <= MOST:
        raise ValueError(count)
    whole = first == int(first) and last == int(last)
    for number in range(count):
        value = first if count == 1 else first + (last - first) * number / (count - 1)
        yield Decimal(int(value)) if whole else round(value, 6)


def _written(number: Decimal) -> str:
    """The shortest way to write `number`."""
    text = format(number.normalize(), "f")
    return "0" if text in ("-0", "") else text

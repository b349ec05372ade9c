"""Text of other programs, parsed within limits on size, depth and numbers; every failure is a `NotReadable`."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from train_core.config.phrases import Phrase, phrase

SETTINGS_BYTES = 4 << 20  # of a file that people write
DATA_BYTES = 256 << 20  # of a file that programs write, such as the captions of all images
DEEPEST = 100  # tables and lists within each other

# A key of as many parts as that takes tomllib time and memory by its square.
_LONG_KEY = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+)""" + f"{{{DEEPEST}}}"
)
_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotReadable(ValueError):  # noqa: N818 - it says what is wrong with the text
    """Why a text cannot be read; `reason` can be said in every language."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def reason_of(error: Exception) -> str:
    """What to tell of an error of reading: the reason of a `NotReadable`, else the error's own words."""
    return error.reason if isinstance(error, NotReadable) else str(error) or type(error).__name__


def text_of(path: Path, most: int = SETTINGS_BYTES) -> str:
    """The UTF-8 text of a file. Raises OSError, UnicodeDecodeError, and NotReadable beyond `most` bytes."""
    with path.open("rb") as file:
        return decoded(file.read(min(path.stat().st_size, most) + 1), most)  # a device may go on for ever


def decoded(data: bytes, most: int = SETTINGS_BYTES) -> str:
    """The UTF-8 text in `data`. Raises UnicodeDecodeError, and NotReadable beyond `most` bytes."""
    if len(data) > most:
        raise NotReadable(phrase("file_too_large", "it is larger than {most} KB", most=most >> 10))
    return data.decode("utf-8-sig")


def json_of(text: str | bytes, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """What JSON says; `pairs` makes the objects, as in json.loads. Halves of characters become U+FFFD.

    Raises NotReadable for what is no JSON, too deep, or holds a number that is not finite or absurdly long.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        found = json.loads(text, object_pairs_hook=pairs, parse_constant=_not_a_number, parse_float=_finite)
    except RecursionError:
        raise NotReadable(too_deep()) from None
    except NotReadable:
        raise
    except ValueError as error:
        raise NotReadable(of_digits(error)) from error
    check_depth(found)
    return _whole(found) if _HALF_A_CHARACTER.search(text) else found


def toml_of(text: str) -> dict[str, Any]:
    """What TOML says. Raises NotReadable for what is no TOML, too deep, or holds an absurdly long number."""
    if _LONG_KEY.search(text):
        raise NotReadable(too_deep())
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise NotReadable(too_deep()) from None
    except ValueError as error:
        raise NotReadable(of_digits(error)) from error
    check_depth(found)
    return found


def _not_a_number(word: str) -> NoReturn:
    raise NotReadable(phrase("number_not_finite", "{number} is not a finite number", number=word))


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _not_a_number(digits[:40])


def of_digits(error: Exception) -> str:
    """The words of `error`, or plain ones for Python's limit on the digits of a number."""
    if "integer string conversion" in str(error):
        return phrase("number_too_long", "it contains a number of thousands of digits")
    return str(error).partition("\n")[0] or type(error).__name__


def too_deep() -> Phrase:
    """The reason of what is nested deeper than `DEEPEST`."""
    return phrase("nested_too_deeply", "tables and lists are nested more than {deepest} deep", deepest=DEEPEST)


def check_depth(found: Any) -> None:
    """Raise NotReadable where `found` is nested deeper than `DEEPEST`."""
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        level = [item for one in level for item in _items(one) if isinstance(item, dict | list)]
        if not level:
            return
    raise NotReadable(too_deep())


def _items(found: Any) -> Iterator[Any]:
    if isinstance(found, dict):
        yield from found.values()
    elif isinstance(found, list):
        yield from found


def _whole(found: Any) -> Any:
    """`found` with U+FFFD in place of halves of characters; json.loads has joined those that belong together."""
    if isinstance(found, str):
        return _SURROGATE.sub("\ufffd", found)
    if isinstance(found, list):
        return [_whole(item) for item in found]
    if isinstance(found, dict):
        return {_whole(name): _whole(item) for name, item in found.items()}
    return found

"""The small language by which pictures are filtered: `tag:"blue eyes" -tag:hat shot:portrait side>=768`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from train_core.config.problems import UserError, problem
from train_core.studio.decisions import KEEP, REJECT, SKIP, UNDECIDED

DARK, LIGHT = 0.25, 0.85  # mean brightness below and above which a picture is called so
MARK_WORDS = {"keep": KEEP, "reject": REJECT, "skip": SKIP, "undecided": UNDECIDED}
TERM = re.compile(r"""(-?)(?:(\w+)(:|>=|<=|>|<|=))?("(?:[^"\\]|\\.)*"?|[^\s"]\S*)""")
CLOSED = re.compile(r'"(?:[^"\\]|\\.)*"')
BEGUN = re.compile(r"(\w+)(?::|>=|<=|>|<|=)")
# Of terms whose values are not pixels, or no words of captions.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "faces": ("faces:0", "faces:1", "faces>=2"), "rating": ("rating>=4",), "tags": ("tags>20",),
    "sharp": ("sharp>40",), "bright": ("bright>80",), "aspect": ("aspect<0.8", "aspect>1.3"),
    "shot": ("shot:portrait",), "box": ("box:face",), "folder": ("folder:beach",),
}  # fmt: skip
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "=": operator.eq,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be asked about one picture. Measures, and what is found on it, are None until then. Sizes in pixels."""

    name: str
    width: int
    height: int
    caption: str = ""
    tags: frozenset[str] = frozenset()
    captioned: bool = False
    mark: str = UNDECIDED
    shot: str = ""
    alpha: bool = False
    animated: bool = False
    sharp: int | None = None
    brightness: float | None = None
    faces: int | None = None
    person: bool | None = None
    text: bool | None = None
    group: str = ""
    boxes: frozenset[str] = frozenset()  # names in lower case
    painted: frozenset[str] = frozenset()  # what becomes of it, see painting.py
    folder: str = ""  # below that of the dataset, with slashes
    rating: int = 0  # 1 to 5, 0 for none
    generated: bool = False


Test = Callable[[Facts], bool]
NUMBERS: Mapping[str, Callable[[Facts], float | None]] = {
    "side": lambda one: min(one.width, one.height),
    "size": lambda one: max(one.width, one.height),
    "width": lambda one: one.width,
    "height": lambda one: one.height,
    "aspect": lambda one: one.width / one.height,
    "sharp": lambda one: one.sharp,
    "bright": lambda one: None if one.brightness is None else 100 * one.brightness,
    "tags": lambda one: len(one.tags),
    "rating": lambda one: one.rating,
    "faces": lambda one: one.faces,
}
COUNTS = ("faces",)  # numbers that may also stand behind a colon
TEXTS: Mapping[str, Callable[[Facts, str], bool]] = {
    "tag": lambda one, text: text in one.tags,
    "missing": lambda one, text: text not in one.tags,
    "shot": lambda one, text: one.shot.lower() == text,
    "name": lambda one, text: text in one.name.lower(),
    "caption": lambda one, text: text in one.caption.lower(),
    "mark": lambda one, text: one.mark == MARK_WORDS.get(text),
    "box": lambda one, text: text in one.boxes,
    "folder": lambda one, text: f"/{text.strip('/')}/" in f"/{one.folder}/".lower(),  # at any depth
}
WORDS: Mapping[str, Test] = {
    "dark": lambda one: one.brightness is not None and one.brightness < DARK,
    "light": lambda one: one.brightness is not None and one.brightness > LIGHT,
    "alpha": lambda one: one.alpha,
    "animated": lambda one: one.animated,
    "captioned": lambda one: one.captioned,
    "uncaptioned": lambda one: not one.captioned,
    "person": lambda one: one.person is True,
    "text": lambda one: one.text is True,
    "same": lambda one: one.group == "same",
    "alike": lambda one: one.group != "",
    "boxes": lambda one: bool(one.boxes),
    "generated": lambda one: one.generated,
    "painted": lambda one: bool(one.painted),
}


def parse(text: str, shots: Collection[str] | None = None) -> Test:
    """The test that a filter asks for: all of its terms hold. Raises UserError for a term that cannot be meant.

    `shots` are the kinds of shots that there are, None where any may be. Letters' case does not matter, except that
    tags are compared as they are written in lower case.
    """
    tests = [_test(match, shots) for match in TERM.finditer(text)]
    return tests[0] if len(tests) == 1 else lambda one: all(test(one) for test in tests)


def _test(match: re.Match[str], shots: Collection[str] | None) -> Test:
    negated, key, sign, given = match.groups()
    if given.startswith('"') and not CLOSED.fullmatch(given):
        raise _unclosed(match[0])
    value = _plain(given)
    found = _positive(key, sign, value, match[0])
    if (key or "").lower() == "shot" and shots is not None and value and value not in {one.lower() for one in shots}:
        raise _unknown(match[0], tuple(f"shot:{quoted(one)}" for one in shots))
    return (lambda one: not found(one)) if negated else found


def _positive(key: str | None, sign: str | None, value: str, term: str) -> Test:
    if key is None:
        if (begun := BEGUN.fullmatch(value)) and begun[1] in (*NUMBERS, *TEXTS):
            raise _open(term, _examples(begun[1]))
        return WORDS.get(value) or (lambda one: value in one.name.lower() or value in one.caption.lower())
    name = key.lower()
    if sign == ":" and name in COUNTS:
        sign = "="
    if sign in COMPARISONS and name in NUMBERS:
        return _comparison(NUMBERS[name], COMPARISONS[str(sign)], _number(name, value, term))
    if sign in (":", "=") and name in TEXTS:
        if name == "mark" and value not in MARK_WORDS:
            raise _unknown(term, tuple(f"mark:{word}" for word in MARK_WORDS))
        return lambda one: TEXTS[name](one, value)
    if sign in (":", "=") and name in ("is", "has") and value in WORDS:
        return WORDS[value]
    known = tuple(f"{one}>1" for one in NUMBERS) + tuple(f"{one}:…" for one in TEXTS)
    raise _unknown(term, known)


def _comparison(number: Callable[[Facts], float | None], holds: Callable[[float, float], bool], limit: float) -> Test:
    def test(one: Facts) -> bool:
        value = number(one)
        return value is not None and holds(value, limit)

    return test


def _number(name: str, text: str, term: str) -> float:
    if not re.fullmatch(r"\d{1,9}(?:\.\d{1,6})?", text):
        raise _unknown(term, _examples(name))
    return float(text)


def _plain(given: str) -> str:
    """A value without its quotes, in lower case."""
    inner = given[1:].removesuffix('"') if given.startswith('"') else given
    return re.sub(r"\\(.)", r"\1", inner).lower() if given.startswith('"') else inner.lower()


def quoted(text: str) -> str:
    """`text` as a value of a filter."""
    if re.fullmatch(r'[^\s"\\]+', text):
        return text
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'


def _examples(name: str) -> tuple[str, ...]:
    """Terms that begin with this name."""
    if name == "mark":
        return tuple(f"mark:{word}" for word in MARK_WORDS)
    return EXAMPLES.get(name, (f"{name}:hat",) if name in TEXTS else (f"{name}>=768", f"{name}<1024"))


def _open(term: str, known: Sequence[str]) -> UserError:
    return UserError(
        problem(
            "studio_filter_open", "The filter {term} is not complete. For example: {known}.",
            term=term[:100], known=" ".join(known),
        )
    )  # fmt: skip


def _unclosed(term: str) -> UserError:
    return UserError(
        problem(
            "studio_filter_quote", "The filter {term} has no second quote. For example: {example}.",
            term=term[:100], example='tag:"blue eyes"',
        )
    )  # fmt: skip


def _unknown(term: str, known: Sequence[str]) -> UserError:
    return UserError(
        problem(
            "studio_filter",
            "The filter {term} is not understood. These are: {known}.", term=term[:100], known=" ".join(known),
        )
    )  # fmt: skip

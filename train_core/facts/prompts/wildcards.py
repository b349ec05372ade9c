"""Choices that a picture's seed makes in its prompt: `{a|b}`, and lines of files, `__name__`.

    choice = "{" [count "$$" [between "$$"]] option { "|" option } "}"     between is a comma where it is not said
    option = [weight "::"] text
    count  = number ["-" number]                                           so many options, none twice

A backslash makes a brace plain, a `|` in square brackets is theirs, and braces without one are text. Signs may be
full-width. These are the basic forms of the Dynamic Prompts extension.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from train_core.config.clean_paths import clean_path
from train_core.config.problems import UserError, problem
from train_core.config.syntax.signs import plain_signs
from train_core.config.untrusted import reason_of, text_of
from train_core.facts.prompts.folders import files_in
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.seeds import seed_for

ENDING = ".txt"
DEEPEST = 10  # choices within choices, files within files: what is deeper stays as it is
WILDCARD = re.compile(r"__((?:(?!__)[\w\-./ ])+)__")
_COUNT = re.compile(r"\s*(\d{1,4})(?:-(\d{1,4}))?\s*\$\$(?:([^|{}$]*)\$\$)?")
_WEIGHT = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*::")
_SIGN = re.compile(r"\\.|[{}\[\]|]", re.DOTALL)

Share = Callable[[], float]  # the next number from 0 to 1, without 1


@dataclass(frozen=True)
class Wildcards:
    """Files with one entry a line, by their names in small letters, which may begin with folders."""

    files: Mapping[str, Path] = field(default_factory=dict)
    _read: dict[Path, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def within(cls, folders: Iterable[str]) -> Wildcards:
        """The text files in `folders` and in all within, the first of each name. Raises UserError where one cannot be
        read."""
        files: dict[str, Path] = {}
        for folder in map(Path, filter(None, map(clean_path, folders))):
            for path in files_in(folder.expanduser(), "draw_wildcards"):
                if path.suffix.lower() == ENDING:
                    inner = path.relative_to(folder.expanduser()).with_suffix("")
                    files.setdefault(inner.as_posix().lower(), path)
        return cls(files)

    def resolved(self, prompt: SamplePrompt) -> SamplePrompt:
        """`prompt`, which has a seed, with everything chosen. Raises UserError for a file that cannot be read."""
        assert prompt.seed is not None
        texts = (
            self._resolved(text, _shares(prompt.seed, purpose), 0)
            for text, purpose in ((prompt.prompt, "choice"), (prompt.negative_prompt, "negative choice"))
        )
        return replace(prompt, prompt=next(texts), negative_prompt=next(texts))

    def possible(self, text: str) -> Iterator[str]:
        """`text` and all entries that may come into it."""
        waiting, seen = [text], set[str]()
        while waiting:
            now = waiting.pop()
            yield now
            names = {found[1].strip().lower() for found in WILDCARD.finditer(now)} & self.files.keys() - seen
            seen |= names
            waiting += [entry for name in sorted(names) for entry in self._entries(name)]

    def _resolved(self, text: str, share: Share, depth: int) -> str:
        if depth > DEEPEST:
            return text
        said, end = [], 0
        for first, last in _braces(text):
            said.append(self._with_entries(text[end:first], share, depth))
            chosen = _chosen(text[first + 1 : last], share)
            if chosen is None:
                chosen = [text[first], text[first + 1 : last], text[last]]  # braces that are text
            said += [self._resolved(one, share, depth + 1) for one in chosen]
            end = last + 1
        return "".join([*said, self._with_entries(text[end:], share, depth)])

    def _with_entries(self, text: str, share: Share, depth: int) -> str:
        """`text`, which has no choices, with an entry for each name of a file; names of no file stay."""

        def entry(found: re.Match[str]) -> str:
            entries = [_weighed(one) for one in self._entries(found[1].strip().lower())]
            return self._resolved(_pick(entries, share), share, depth + 1) if entries else found[0]

        return WILDCARD.sub(entry, text)

    def _entries(self, name: str) -> tuple[str, ...]:
        path = self.files.get(name)
        if path is None:
            return ()
        if path not in self._read:
            try:
                lines = [line.strip() for line in text_of(path).splitlines()]
            except (OSError, ValueError) as error:
                raise UserError(
                    problem(
                        "wildcards_unreadable",
                        "{path}, which a prompt names, cannot be read ({reason}). Save it as UTF-8 text with one entry "
                        "per line.",
                        path=str(path), reason=reason_of(error),
                    )
                ) from error
            self._read[path] = tuple(line for line in lines if line and not line.startswith("#"))
        return self._read[path]


NO_FILES = Wildcards()


def has_choices(text: str) -> bool:
    """Whether something may be chosen in `text`."""
    return "{" in plain_signs(text) or WILDCARD.search(text) is not None


def _shares(seed: int, purpose: str) -> Share:
    """Numbers that follow from a picture's seed."""
    numbers = count()
    return lambda: seed_for(seed, 0, next(numbers), purpose) / 2**63


def _braces(text: str) -> list[tuple[int, int]]:
    """The places of the outermost braces that open and close."""
    opened: list[int] = []
    pairs: list[tuple[int, int]] = []
    for found in _SIGN.finditer(plain_signs(text)):
        if found[0] == "{":
            opened.append(found.start())
        elif found[0] == "}" and opened:
            first = opened.pop()
            while pairs and pairs[-1][0] > first:
                pairs.pop()
            pairs.append((first, found.start()))
    return pairs


def _chosen(inner: str, share: Share) -> list[str] | None:
    """What is chosen of the options between two braces, with what stands between them; None where there is none."""
    counted = _COUNT.match(inner)
    options = [_weighed(option) for option in _split(inner[counted.end() :] if counted else inner)]
    if counted is None:
        return [_pick(options, share)] if len(options) > 1 else None
    least, most, between = int(counted[1]), int(counted[2] or counted[1]), counted[3]
    wanted = min(least, most) + int(share() * (abs(most - least) + 1))
    chosen: list[str] = []
    while options and len(chosen) < wanted:
        one = _pick(options, share)
        options.remove(next(option for option in options if option[0] == one))
        chosen.append(one)
    joint = ", " if between is None else between
    return [part for one in chosen for part in (joint, one)][1:]


def _split(inner: str) -> list[str]:
    """The options: `inner` cut at each `|` that no bracket within holds."""
    ends, depth = [-1], 0
    for found in _SIGN.finditer(plain_signs(inner)):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found[0], 0)
        if found[0] == "|" and depth <= 0:
            ends.append(found.start())
    return [inner[first + 1 : last] for first, last in zip(ends, [*ends[1:], len(inner)], strict=True)]


def _weighed(option: str) -> tuple[str, float]:
    """An option without the weight before it, and that; it is 1 where none is said."""
    found = _WEIGHT.match(option)
    return (option[found.end() :], float(found[1])) if found else (option, 1.0)


def _pick(options: list[tuple[str, float]], share: Share) -> str:
    """One of `options`, as likely as its weight says; any of them where all weigh nothing."""
    weights = [weight for _, weight in options]
    if not any(weights):
        weights = [1.0] * len(options)
    place = share() * sum(weights)
    for (option, _), weight in zip(options, weights, strict=True):
        place -= weight
        if place < 0:
            return option
    return next(option for (option, _), weight in zip(reversed(options), reversed(weights), strict=True) if weight)

"""The lint of captions: what is missing or odd in them, for the page before a run and for whoever edits captions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from train_core.config.phrases import joined
from train_core.config.problems import problem
from train_core.facts.advice import Advice, Cure
from train_core.facts.captions.one_sided import is_one_sided
from train_core.facts.captions.sets import Captioned, CaptionSet
from train_core.facts.captions.token_count import TokenFit, fit_tokens
from train_core.facts.images.caption_draws import CaptionRules, tags_in

LIMITS = (75, 150, 225)  # of tokens, as max_token_length offers them
MOST_TAGS = 5  # that a message names
FULL_WIDTH = re.compile("[，、]")
WEIGHT = re.compile(r"(?<!\\)\([^()]*[:：]\s*\d+(?:\.\d+)?\s*\)")
CHOICE = re.compile(r"(?<!\{)\{[^{}|]*\|[^{}]*\}")
BRACKET = re.compile(r"(?<!\\)[()\[\]{}（）【】]")
UNDERSCORE = re.compile(r"[^\W_]{2,}_[^\W_]|[^\W_]_[^\W_]{2,}")  # within words: not in faces such as ^_^ and o_o
ON_PURPOSE = re.compile(r"(?:score|source|rating)_\w+", re.IGNORECASE)  # what some base models are asked for so
SPACE = re.compile(r"\w \w")
LETTER = re.compile(r"\w")


@dataclass(frozen=True)
class Look:
    """One caption, looked at: its tags, those that are odd, and how it fits into the text encoder."""

    tags: tuple[str, ...]
    full_width: bool
    weights: str
    choices: str
    brackets: str
    underscores: str
    spaces: bool
    one_sided: tuple[str, ...]
    kept_by_mark: bool
    fit: TokenFit


def lint(sets: Sequence[CaptionSet], token_limit: int = LIMITS[0]) -> list[Advice]:
    """What is missing or odd in the captions; `token_limit` is the number of tokens that are read of each."""
    looks = [(one, [(c, look(c.text, one.rules, token_limit)) for c in one.captions if c.text]) for one in sets]
    found = [
        _missing(sets), _full_width(looks), _weights(looks), _choices(looks), _brackets(looks), _underscores(looks),
        _too_long(looks, token_limit), _same_start(looks), _flipped(looks),
    ]  # fmt: skip
    return [one for one in found if one is not None]


@lru_cache(maxsize=32_768)
def look(text: str, rules: CaptionRules, token_limit: int) -> Look:
    """Look at one caption, which has several lines where its file has; only those that are drawn count."""
    lines = text.split("\n") if rules.wildcards else [text.split("\n", maxsplit=1)[0]]
    whole = [" ".join(part for part in (rules.prefix, line, rules.suffix) if part) for line in lines]
    tags = tuple(tag for line in whole for tag in tags_in(line, rules))
    own = "\n".join(lines)
    return Look(
        tags, FULL_WIDTH.search(own) is not None,
        "" if rules.weighted else _first(WEIGHT, own), "" if rules.wildcards else _first(CHOICE, own),
        "" if rules.weighted else _with_bracket(tags, rules),
        next((tag for tag in tags if _has_underscore(tag)), ""), any(SPACE.search(tag) for tag in tags),
        tuple(dict.fromkeys(tag for tag in tags if is_one_sided(tag))),
        bool(rules.keep_separator) and any(rules.keep_separator in line for line in whole),
        max((_fit(line, rules, token_limit) for line in whole), key=lambda fit: fit.count),
    )  # fmt: skip


Looks = Sequence[tuple[CaptionSet, Sequence[tuple[Captioned, Look]]]]


def _fit(line: str, rules: CaptionRules, limit: int) -> TokenFit:
    """How a line fits as it is drawn when all of its tags are shown; of a choice, its longest."""
    if rules.wildcards:
        line = CHOICE.sub(lambda found: max(found[0][1:-1].split("|"), key=len), line)
    for mark in (rules.keep_separator, rules.secondary_separator):
        line = line.replace(mark, f"{rules.separator} ") if mark else line
    return fit_tokens(line if rules.weighted else re.sub(r"\\([()])", r"\1", line), limit, rules.weighted)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""


def _with_bracket(tags: Iterable[str], rules: CaptionRules) -> str:
    """The first tag with a bracket that prompts would need to escape; faces such as `:)` are none."""
    for tag in tags:
        plain = CHOICE.sub("", tag) if rules.wildcards else tag
        if BRACKET.search(plain) and LETTER.search(plain):
            return tag
    return ""


def _has_underscore(tag: str) -> bool:
    return " " not in tag and UNDERSCORE.search(tag) is not None and ON_PURPOSE.fullmatch(tag) is None


def _missing(sets: Sequence[CaptionSet]) -> Advice | None:
    lacking = [c.image for one in sets if not one.is_reg for c in one.captions if c.text is None]
    if not lacking:
        return None
    total = sum(len(one.captions) for one in sets if not one.is_reg)
    return Advice(
        problem(
            "lint_missing", "{count} of {total} images have no caption, for example {path}.",
            count=len(lacking), total=total, path=lacking[0].name,
        ),
        files=tuple(lacking),
    )


def _odd(looks: Looks, attribute: str) -> list[tuple[Path, Look]]:
    """The captions that have something in `attribute`."""
    return [(caption.path, seen) for _, each in looks for caption, seen in each if getattr(seen, attribute)]


def _full_width(looks: Looks) -> Advice | None:
    odd = _odd(looks, "full_width")
    if not odd:
        return None
    return Advice(
        problem(
            "lint_full_width_commas",
            "Captions with full-width commas: {count}, for example {path}. They separate tags here but not in other "
            "programs; replace them with ordinary commas.",
            count=len(odd), path=odd[0][0].name,
        ),
        files=_paths(odd),
    )


def _weights(looks: Looks) -> Advice | None:
    odd = _odd(looks, "weights")
    if not odd:
        return None
    return Advice(
        problem(
            "lint_weights_unread",
            "Captions with weights: {count}, for example {example} in {path}. They are trained as plain text. Turn on "
            "weighted_captions to read them as weights.",
            count=len(odd), example=odd[0][1].weights, path=odd[0][0].name,
        ),
        _cure(looks, Cure("weighted_captions", True)), _paths(odd),
    )


def _choices(looks: Looks) -> Advice | None:
    odd = _odd(looks, "choices")
    if not odd:
        return None
    return Advice(
        problem(
            "lint_wildcards_unread",
            "Captions with choices: {count}, for example {example} in {path}. They are trained as plain text. Turn on "
            "enable_wildcard to pick one each time.",
            count=len(odd), example=odd[0][1].choices, path=odd[0][0].name,
        ),
        _cure(looks, Cure("enable_wildcard", True)), _paths(odd),
    )


def _brackets(looks: Looks) -> Advice | None:
    odd = [(path, seen) for path, seen in _odd(looks, "brackets") if not (seen.weights or seen.choices)]
    if not odd:
        return None
    return Advice(
        problem(
            "lint_brackets",
            "Captions with brackets: {count}, for example {example} in {path}. They are trained as they are; in "
            "prompts ordinary ones mean weights and need a backslash: \\( and \\).",
            count=len(odd), example=odd[0][1].brackets, path=odd[0][0].name,
        ),
        files=_paths(odd),
    )


def _underscores(looks: Looks) -> Advice | None:
    odd = _odd(looks, "underscores")
    if not odd or not _odd(looks, "spaces"):
        return None
    return Advice(
        problem(
            "lint_underscores",
            "Captions with underscores in tags: {count}, for example {example} in {path}, while others have spaces. "
            "These are different words to the text encoder; write all tags the same way, usually with spaces.",
            count=len(odd), example=odd[0][1].underscores, path=odd[0][0].name,
        ),
        files=_paths(odd),
    )


def _too_long(looks: Looks, limit: int) -> Advice | None:
    odd = [(path, seen) for path, seen in _odd(looks, "fit") if seen.fit.lost]
    if not odd:
        return None
    path, longest = max(odd, key=lambda one: one[1].fit.count)
    better = next((one for one in LIMITS if one >= longest.fit.count), LIMITS[-1])
    params = {
        "count": len(odd), "limit": limit, "most": longest.fit.count, "lost": longest.fit.lost, "path": path.name,
    }  # fmt: skip
    if better <= limit:
        told = problem(
            "lint_too_long",
            "Captions with more than {limit} tokens: {count}, at most {most}. What comes after is not read, for "
            "example \"{lost}\" in {path}. Shorten them.",
            **params,
        )  # fmt: skip
        return Advice(told, files=_paths(odd))
    told = problem(
        "lint_longer_than_set",
        "Captions with more than {limit} tokens: {count}, at most {most}. What comes after is not read, for example "
        "\"{lost}\" in {path}. Set max_token_length to {better}.",
        better=better, **params,
    )  # fmt: skip
    return Advice(told, Cure("max_token_length", better), _paths(odd))


def opening(tags: Sequence[Sequence[str]]) -> int | None:
    """How many tags open every one of these captions; None where they are all the same, which says nothing."""
    if len({tuple(each) for each in tags}) < 2:
        return None
    count = 0
    for column in zip(*tags, strict=False):
        if len({tag.lower() for tag in column}) > 1:
            break
        count += 1
    return count


def _same_start(looks: Looks) -> Advice | None:
    """A proposal of keep_tokens where tags move: as many as open every caption, in each folder its own."""
    moving = [(one, each) for one, each in looks if not one.is_reg and one.rules.moves_tags and each]
    if not moving or any(seen.kept_by_mark for _, each in moving for _, seen in each):
        return None
    opened = [(each, opening([seen.tags for _, seen in each])) for _, each in moving]
    count = min((count for _, count in opened if count is not None), default=0)
    if count <= max(one.rules.keep_tokens for one, _ in moving):
        return None
    starts = dict.fromkeys(", ".join(each[0][1].tags[:count]) for each, shared in opened if shared is not None)
    return Advice(
        problem(
            "lint_same_start",
            "Every caption opens with \"{tags}\", but shuffling moves it. Set keep_tokens to {count} to keep it in "
            "front.",
            tags="\" / \"".join(list(starts)[:MOST_TAGS]), count=count,
        ),
        _cure(looks, Cure("keep_tokens", count)),
    )


def _flipped(looks: Looks) -> Advice | None:
    odd = [
        (caption.path, seen) for one, each in looks if one.flipped for caption, seen in each if seen.one_sided
    ]
    if not odd:
        return None
    tags = list(dict.fromkeys(tag for _, seen in odd for tag in seen.one_sided))
    return Advice(
        problem(
            "lint_flipped",
            "flip_aug mirrors images, but captions name things that have a side: {tags} (captions: {count}). Turn "
            "flip_aug off.",
            count=len(odd), tags=joined("comma", tags[:MOST_TAGS]),
        ),
        _cure(looks, Cure("flip_aug", False)), _paths(odd),
    )


def _cure(looks: Looks, cure: Cure) -> Cure | None:
    """`cure` where the form's settings hold for all captions; a dataset file's would have to be edited."""
    return cure if all(one.in_form for one, _ in looks) else None


def _paths(odd: Iterable[tuple[Path, Look]]) -> tuple[Path, ...]:
    return tuple(path for path, _ in odd)

"""The caption of one draw of an image: wildcards, kept, shuffled and dropped tags, in a fixed order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from train_core.config.sections.captions import CaptionSettings

_WILDCARD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_ESCAPED = re.compile(r"\\.")
_COMMA = re.compile("[,，、]")
_ESCAPED_BRACKET = re.compile(r"\\([()])")


@dataclass(frozen=True, kw_only=True)
class CaptionRules:
    """The settings that decide what a draw does with a caption; rates are shares, `warmup_step` as declared."""

    prefix: str = ""
    suffix: str = ""
    dropout_rate: float = 0.0
    dropout_every_n_epochs: int = 0
    wildcards: bool = False
    keep_tokens: int = 0
    keep_separator: str = ""
    warmup_min: int = 1
    warmup_step: float = 0.0
    shuffle: bool = False
    tag_dropout_rate: float = 0.0
    separator: str = ","
    secondary_separator: str = ""
    weighted: bool = False

    @property
    def moves_tags(self) -> bool:
        """Whether tags change place or go missing."""
        return self.shuffle or self.tag_dropout_rate > 0 or self.warmup_step > 0


@dataclass(frozen=True)
class Moment:
    """Time of a caption's draw: epoch and optimizer step, both from 0, of a run of `total_steps`."""

    epoch: int = 0
    step: int = 0
    total_steps: int = 0


def caption_rules(captions: CaptionSettings) -> CaptionRules:
    """The caption rules that `captions` asks for."""
    return CaptionRules(
        prefix=captions.caption_prefix,
        suffix=captions.caption_suffix,
        dropout_rate=captions.caption_dropout_rate,
        dropout_every_n_epochs=captions.caption_dropout_every_n_epochs,
        wildcards=captions.enable_wildcard,
        keep_tokens=captions.keep_tokens,
        keep_separator=captions.keep_tokens_separator,
        warmup_min=captions.token_warmup_min,
        warmup_step=captions.token_warmup_step,
        shuffle=captions.shuffle_caption,
        tag_dropout_rate=captions.caption_tag_dropout_rate,
        separator=captions.caption_separator,
        secondary_separator=captions.secondary_separator,
        weighted=captions.weighted_captions,
    )


def draw_caption(caption: str, rules: CaptionRules, rng: Random, moment: Moment) -> str:
    r"""The caption as one draw of its image uses it, "" when it is left out; `caption` may have several lines.

    Every n-th epoch of the run (the n-th, the 2n-th, …) goes without captions. Of several lines wildcards choose one,
    else it is the first. `\(` and `\)` are plain brackets, unless weights are read: then they stay as they are written.
    """
    every = rules.dropout_every_n_epochs
    if rng.random() < rules.dropout_rate or (every and (moment.epoch + 1) % every == 0):
        return ""
    lines = [line for line in caption.split("\n") if line] or [""]
    line = rng.choice(lines) if rules.wildcards else lines[0]
    text = " ".join(part for part in (rules.prefix, line, rules.suffix) if part)
    if rules.wildcards:
        text = _chosen(text, rng)
    if not rules.weighted:
        text = _ESCAPED_BRACKET.sub(r"\1", text)
    return _with_one_separator(_arranged(text, rules, rng, moment), rules)


def whole_caption(caption: str, rules: CaptionRules) -> str:
    """The caption with all of its tags in their order, never left out; of choices any."""
    whole = replace(
        rules, dropout_rate=0.0, dropout_every_n_epochs=0, shuffle=False, tag_dropout_rate=0.0, warmup_step=0.0
    )
    return draw_caption(caption, whole, Random(0), Moment())


def every_caption(caption: str, rules: CaptionRules) -> set[str]:
    """Every caption that `draw_caption` can give, at any moment of a run.

    Raises ValueError where they cannot be counted: with wildcards, or when tags move.
    """
    if rules.wildcards or rules.moves_tags:
        raise ValueError("These captions vary without end.")
    whole = whole_caption(caption, rules)
    return {whole, ""} if rules.dropout_rate or rules.dropout_every_n_epochs else {whole}


def _chosen(text: str, rng: Random) -> str:
    """`text` with one choice in place of each `{a|b}`; doubled braces mean themselves."""

    def choose(found: re.Match[str]) -> str:
        return found[0][0] if found[1] is None else rng.choice(found[1].split("|"))

    return _WILDCARD.sub(choose, text)


def _arranged(text: str, rules: CaptionRules, rng: Random, moment: Moment) -> str:
    """`text` with its free tags cut to the warm-up's number, shuffled and thinned out; fixed ones stay in place."""
    marked = bool(rules.keep_separator) and rules.keep_separator in text
    if not rules.moves_tags and not marked:
        return text
    head, free, tail = _marked_parts(text, rules) if marked else _counted_parts(text, rules)
    free = free[: _shown(len(free), rules, moment)]
    if rules.shuffle:
        rng.shuffle(free)
    if rules.tag_dropout_rate:
        free = [tag for tag in free if rng.random() >= rules.tag_dropout_rate]
    return _joint(rules).join(head + free + tail)


def _marked_parts(text: str, rules: CaptionRules) -> tuple[list[str], list[str], list[str]]:
    """The tags before the first separator of kept tags, those up to the second, and all others."""
    head, free, *tails = [_tags(part, rules) for part in text.split(rules.keep_separator)]
    return head, free, [tag for tail in tails for tag in tail]


def _counted_parts(text: str, rules: CaptionRules) -> tuple[list[str], list[str], list[str]]:
    tags = _tags(text, rules)
    return tags[: rules.keep_tokens], tags[rules.keep_tokens :], []


def tags_in(text: str, rules: CaptionRules) -> list[str]:
    """Every tag of a caption's line in its order, without the marks that keep tags in place or together."""
    pieces = [text]
    for mark in (rules.keep_separator, rules.secondary_separator):
        pieces = [part for piece in pieces for part in (piece.split(mark) if mark else [piece])]
    return [tag for piece in pieces for tag in _tags(piece, rules)]


def _tags(text: str, rules: CaptionRules) -> list[str]:
    parts = _parts(text, rules.separator)
    return [tag for tag in map(str.strip, _whole(parts, rules.separator) if rules.weighted else parts) if tag]


def _parts(text: str, separator: str) -> list[str]:
    """`text` cut at each `separator`; where that is a comma, full-width ones are too."""
    return _COMMA.split(text) if separator.strip() == "," else text.split(separator)


def _whole(parts: Sequence[str], separator: str) -> list[str]:
    """`parts` with those put together again that one pair of brackets holds: a weight must not reach other tags."""
    whole: list[str] = []
    opened = 0
    for part in parts:
        if opened > 0:
            whole[-1] += separator + part
        else:
            whole.append(part)
        bare = _ESCAPED.sub("", part)
        opened = max(0, opened + sum(map(bare.count, "([（")) - sum(map(bare.count, ")]）")))
    return whole


def _shown(count: int, rules: CaptionRules, moment: Moment) -> int:
    """Number of the `count` free tags that the warm-up shows; a `warmup_step` below 1 is a share of the run."""
    steps = rules.warmup_step if rules.warmup_step >= 1 else rules.warmup_step * moment.total_steps
    if moment.step >= steps or count <= rules.warmup_min:
        return count
    return rules.warmup_min + int(moment.step * (count - rules.warmup_min) / steps)


def _with_one_separator(text: str, rules: CaptionRules) -> str:
    """`text` with the secondary separator, which held tags together until now, replaced by the usual one."""
    if not rules.secondary_separator:
        return text
    return _joint(rules).join(part.strip() for part in text.split(rules.secondary_separator))


def _joint(rules: CaptionRules) -> str:
    """Text between two tags: the captions' own separator and a space."""
    return f"{rules.separator.rstrip()} "

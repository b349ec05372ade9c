"""What a picture's prompts ask of the model in each call of it: texts, their weights, and what to keep away from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from train_core.facts.prompts.emoticons import emoticons
from train_core.facts.prompts.network_tags import without_networks
from train_core.facts.prompts.scheduling import schedule

_AND = re.compile(r"\bAND\b")
_WEIGHT = re.compile(r"(?P<text>.*?)(?:\s*[:：]\s*(?P<weight>[-+]?(?:\d+\.?\d*|\.\d+)))?\s*", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """From the call after the previous one's `last` up to `last`, counted from 0, these are asked for."""

    last: int
    texts: tuple[str, ...]
    weights: tuple[float, ...]
    negative: str

    def in_words(self) -> str:
        """The texts as a prompt joins them."""
        if len(self.texts) == 1:
            return self.texts[0]
        parts = zip(self.texts, self.weights, strict=True)
        return " AND ".join(f"{text.strip()} :{weight:g}" for text, weight in parts)


def asked(prompt: str, negative: str, calls: int, earlier: int | None = None) -> list[Asked]:
    """What is asked in `calls` calls of the model. Tags of networks are left out; see `schedule` for `earlier`.

    Texts with AND between them are asked for side by side, each with the number after its last colon as its weight.
    """
    parts = compose(without_networks(prompt).prompt)
    lines = [schedule(text, calls, earlier) for text, _ in parts]
    against = schedule(without_networks(negative).prompt, calls, earlier)
    weights = tuple(weight for _, weight in parts)
    ends = sorted({last for line in (*lines, against) for last, _ in line})
    return [Asked(last, tuple(_at(line, last) for line in lines), weights, _at(against, last)) for last in ends]


def compose(prompt: str) -> list[tuple[str, float]]:
    """The texts that AND joins, with their weights."""
    texts = _AND.split(prompt)
    return [(prompt, 1.0)] if len(texts) == 1 else [_weighed(text) for text in texts]


def _weighed(text: str) -> tuple[str, float]:
    """`text` without the weight at its end, and that; a face such as `:3` is none."""
    found = _WEIGHT.fullmatch(text)
    if found is None or found["weight"] is None or any(end > found.end("text") for _, end in emoticons(text)):
        return text.rstrip(), 1.0
    return found["text"], float(found["weight"])


def _at(line: Sequence[tuple[int, str]], call: int) -> str:
    return next(text for last, text in line if call <= last)

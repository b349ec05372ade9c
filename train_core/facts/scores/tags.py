"""The tags of captions, and captions with one of them exchanged, to ask a model which of the two a picture shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from train_core.facts.scores.asked import without_words
from train_core.facts.seeds import seed_for


def tags_in(caption: str) -> list[str]:
    """What stands between the commas of `caption`."""
    return [tag for part in caption.split(",") if (tag := part.strip())]


@dataclass(frozen=True)
class Swap:
    """A `caption` with one `tag` exchanged, or without it where no `other` is of its sort."""

    tag: str
    caption: str
    other: str = ""

    def within(self, caption: str) -> str:
        """The same exchange in another `caption` that has the tag, such as the one with the trigger."""
        return re.sub(rf"(?<!\w){re.escape(self.tag)}(?!\w)", lambda _: self.other, caption)


@dataclass(frozen=True)
class Swaps:
    """Exchanges tags for others of `vocabulary`: those with the same last word, as in red hat and blue hat."""

    vocabulary: tuple[str, ...]
    seed: int

    @classmethod
    def among(cls, captions: Iterable[str], trigger: Sequence[str], seed: int) -> Swaps:
        """With the tags of `captions` without trigger words."""
        tags = {tag for caption in captions for tag in tags_in(without_words(caption, trigger))}
        return cls(tuple(sorted(tags)), seed)

    def of(self, caption: str) -> list[Swap]:
        """`caption` with each of its tags exchanged in turn; a caption of one tag that has no like is left alone."""
        tags = tags_in(caption)
        found = []
        for place, tag in enumerate(tags):
            alike = [one for one in self.vocabulary if one not in tags and _head(one) == _head(tag)]
            if alike:
                other = alike[seed_for(self.seed, 0, place, f"swap {caption}") % len(alike)]
            elif len(tags) > 1:
                other = ""
            else:
                continue
            left = [*tags[:place], *([other] if other else []), *tags[place + 1 :]]
            found.append(Swap(tag, ", ".join(left), other))
        return found


def _head(tag: str) -> str:
    return tag.rsplit(maxsplit=1)[-1].lower()

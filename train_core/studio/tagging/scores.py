"""What a tagger said of pictures, kept in the dataset as lines of `tags.jsonl`: no picture is looked at twice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from train_core.studio.kept_lines import Kept, Line
from train_core.studio.tagging.wd_files import CHARACTER, GENERAL, Tagger

FILE = "tags.jsonl"
LOWEST = 0.05  # scores below are not kept: thousands of tags for each picture
DIGITS = 4


@dataclass(frozen=True)
class Scores:
    """The scores of a picture's tags by their names in the tagger, and the thresholds that MCut finds in all of them,
    for general and for character tags."""

    tags: Mapping[str, float]
    general_cut: float
    character_cut: float


def scores_of(tagger: Tagger, outputs: Sequence[float]) -> Scores:
    """What is kept of a model's outputs for one picture."""
    tags: dict[str, float] = {}
    for tag, score in zip(tagger.tags, outputs, strict=True):
        if tag and score >= LOWEST:
            tags[tag] = max(round(float(score), DIGITS), tags.get(tag, 0.0))
    cuts = (
        mcut([score for score, its in zip(outputs, tagger.categories, strict=True) if its == category])
        for category in (GENERAL, CHARACTER)
    )
    return Scores(tags, *cuts)


def mcut(scores: Sequence[float]) -> float:
    """The middle of the largest gap between scores that follow each other; 0 for fewer than two.

    MCut, after Largeron, Moulin and Géry (2012).
    """
    ordered = sorted(map(float, scores), reverse=True)
    gaps = [high - low for high, low in pairwise(ordered)]
    if not gaps:
        return 0.0
    place = gaps.index(max(gaps))
    return round((ordered[place] + ordered[place + 1]) / 2, DIGITS)


class KeptScores(Kept[Scores]):
    """The scores that one tagger gave pictures of a dataset, by the digest of their content."""

    def __init__(self, folder: Path, tagger: Tagger) -> None:
        """Read what is there. Raises UserError for a file that cannot be read."""
        self._of_tagger = dict(zip(tagger.tags, tagger.categories, strict=True))
        self._threshold = tagger.threshold
        super().__init__(folder / FILE, {"model": tagger.digest}, {"tagger": tagger.name})

    def read(self, line: Line) -> Scores | None:
        """The scores in a line."""
        return scores_in(line)

    def written(self, said: Scores) -> Line:
        """The scores, and the categories of tags that are no general ones."""
        categories = {tag: its for tag in said.tags if (its := self._of_tagger.get(tag, GENERAL)) != GENERAL}
        return {
            "tags": dict(said.tags), "cuts": [said.general_cut, said.character_cut], "categories": categories,
            "threshold": self._threshold,
        }  # fmt: skip


def scores_in(line: Line) -> Scores | None:
    """The scores in a line of the file, None if it has none."""
    tags, cuts = line.get("tags"), line.get("cuts")
    if not isinstance(tags, dict) or not isinstance(cuts, list) or len(cuts) != 2:
        return None
    return Scores(tags, *cuts) if all(map(_is_score, [*tags.values(), *cuts])) else None


def categories_in(line: Line) -> dict[str, int]:
    """The categories of the tags in a line of the file; those that it does not name are general."""
    named = line.get("categories")
    known = named if isinstance(named, dict) else {}
    return {tag: its if type(its := known.get(tag)) is int else GENERAL for tag in line["tags"]}


def threshold_in(line: Line) -> float:
    """The usual threshold of the tagger that a line of the file is of."""
    value: Any = line.get("threshold")
    return float(value) if _is_score(value) else Tagger.threshold


def _is_score(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= 1

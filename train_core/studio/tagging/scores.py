"""What a tagger said of pictures, kept in the dataset as lines of `tags.jsonl`: no picture is looked at twice."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from train_core.config.untrusted import NotReadable, json_of
from train_core.studio.dataset import not_written
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


class KeptScores:
    """The scores that one tagger gave pictures of a dataset, by the digest of their content."""

    def __init__(self, folder: Path, tagger: Tagger) -> None:
        self._file = folder / FILE
        self._tagger = tagger
        self.known: dict[str, Scores] = dict(_read(self._file, tagger.digest))

    def add(self, found: Mapping[str, Scores]) -> None:
        """Keep scores; they are on the drive when this returns. Raises UserError where that cannot be."""
        at = f"{datetime.now():%Y-%m-%dT%H:%M:%S}"
        lines = [
            json.dumps({
                "digest": digest, "tagger": self._tagger.name, "model": self._tagger.digest, "at": at,
                "tags": dict(one.tags), "cuts": [one.general_cut, one.character_cut],
            }) for digest, one in found.items()
        ]  # fmt: skip
        try:
            with self._file.open("a+b") as file:
                beginning = b"\n" if _is_cut_short(file) else b""
                file.write(beginning + "".join(f"{line}\n" for line in lines).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise not_written(self._file.parent, error) from error
        self.known.update(found)


def _is_cut_short(file: Any) -> bool:
    """Whether the last line has no end, as a killed process leaves it."""
    length = file.seek(0, os.SEEK_END)
    if not length:
        return False
    file.seek(length - 1)
    return bool(file.read(1) != b"\n")


def _read(path: Path, model: str) -> Mapping[str, Scores]:
    """The scores by this model; lines that are none, or were cut short, do not count."""
    found: dict[str, Scores] = {}
    try:
        with path.open("rb") as file:
            for line in file:
                if model.encode() in line and (kept := _of_line(line, model)) is not None:
                    found[kept[0]] = kept[1]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise not_written(path.parent, error) from error
    return found


def _of_line(line: bytes, model: str) -> tuple[str, Scores] | None:
    try:
        said = json_of(line)
    except (NotReadable, UnicodeDecodeError):  # the rest of a line that was cut short
        return None
    if not isinstance(said, dict) or said.get("model") != model:
        return None
    digest, tags, cuts = said.get("digest"), said.get("tags"), said.get("cuts")
    if not isinstance(digest, str) or not isinstance(tags, dict) or not isinstance(cuts, list) or len(cuts) != 2:
        return None
    return (digest, Scores(tags, *cuts)) if all(map(_is_score, [*tags.values(), *cuts])) else None


def _is_score(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= 1

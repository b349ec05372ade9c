"""What taggers and captioners said of a picture, for the Data tab to show side by side and to take into its caption."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from train_core.studio.captioning import sentences
from train_core.studio.captioning.sentences import cleaned, sentence_in, with_sentence
from train_core.studio.kept_lines import Line, LinesOfPictures
from train_core.studio.studio import Studio
from train_core.studio.tagging import scores
from train_core.studio.tagging.choosing import Choice, combined, scored
from train_core.studio.tagging.scores import categories_in, scores_in, threshold_in

MOST, MOST_TAGS, MOST_LETTERS = 20, 300, 200  # answers on a picture, tags of one, letters of a name
Shown = dict[str, Any]


def said_of(studio: Studio, id: int) -> list[Shown]:
    """What each model said last of a picture, by each way in which it was asked; the newest first. All of it is text.

    Raises UserError where what is kept cannot be read.
    """
    digest = studio.identify([id]).get(id)
    if digest is None:
        return []
    newest: dict[tuple[str, str, str], Shown] = {}
    for file, show in ((scores.FILE, _tags), (sentences.FILE, _sentence)):
        for line in _lines(studio.dataset.folder / file).of(digest):
            shown = show(line)
            if shown is not None:
                newest[file, str(line.get("model")), str(line.get("settings"))] = shown
    return sorted(newest.values(), key=lambda one: one["at"], reverse=True)[:MOST]


def merged(text: str, tags: list[str], sentence: str) -> str:
    """A caption with the tags, or the sentence, that it lacks."""
    return combined(text, tags, "append") if tags else with_sentence(text, cleaned(sentence), "append")


@lru_cache(maxsize=32)
def _lines(file: Path) -> LinesOfPictures:
    return LinesOfPictures(file)


def _tags(line: Line) -> Shown | None:
    """The tags of a tagger's line that it is sure of by the usual thresholds, with their scores."""
    found = scores_in(line)
    if found is None:
        return None
    tags = list(scored(found, categories_in(line), Choice(general=threshold_in(line))).items())[:MOST_TAGS]
    return {**_about(line, "tagger"), "tags": tags, "text": ", ".join(tag for tag, _ in tags)}


def _sentence(line: Line) -> Shown | None:
    text = sentence_in(line)
    return None if text is None else {**_about(line, "captioner"), "tags": [], "text": text}


def _about(line: Line, name: str) -> Shown:
    by, prompt, at = _texts(line, name, "prompt", "at")
    return {"by": by, "prompt": prompt, "at": at.replace("T", " ")[:16]}


def _texts(line: Line, *names: str) -> Iterator[str]:
    for name in names:
        value = line.get(name)
        yield cleaned(value)[:MOST_LETTERS] if isinstance(value, str) else ""

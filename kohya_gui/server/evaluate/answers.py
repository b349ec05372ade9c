"""What the Evaluate tab's routes answer: the evaluations there are, the cells of one, and marks."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from urllib.parse import quote

from kohya_gui.i18n.messages import dictionary, text, words_of
from kohya_gui.server.answering import refusal
from kohya_gui.server.evaluate.grids import Grid, Grids
from kohya_gui.server.evaluate.saved_by import notes_of
from kohya_gui.server.evaluate.verdicts import judged, use
from kohya_gui.server.studio.asked import Asked, Found, meaningless, text_in
from kohya_gui.server.studio.updated import Program
from kohya_gui.views.evaluate.frame import GROUP, shell_html
from kohya_gui.views.evaluate.picture_facts import facts_html
from kohya_gui.views.evaluate.verdict import effects_html, used_html, verdict_html
from train_core.config.problems import UserError, cause_of, problem
from train_core.facts.grids.effects import effects
from train_core.facts.grids.marks import MARKS, Mark, add_mark, read_marks
from train_core.facts.grids.ranking import ranked_axes, ranking

COVER = 4  # pictures of an evaluation that are shown of it in the list
LETTERS: dict[str, str] = {"good": "g", "bad": "b"}


class Answers:
    """What the routes answer; everything that comes in may be anything."""

    def __init__(self, grids: Grids) -> None:
        self._grids = grids
        self._program = Program()

    def shell(self, _asked: Asked, language: str) -> Found:
        """The tab's frame, and the words that its scripts say. Raises UserError if these are of another program."""
        self._program.must_be_as_started()
        return {"html": shell_html(language), "words": words_of(GROUP, language)}

    def list(self, _asked: Asked, language: str) -> Found:
        """The evaluations that there are, the newest first; of one that cannot be read, why."""
        return {"evaluations": [self._listed(folder, language) for folder in self._grids.folders()]}

    def _listed(self, folder: Path, language: str) -> Found:
        try:
            grid = self._grids.find(folder.name)
        except UserError as error:
            return {"name": folder.name, "refused": refusal(error, language)["error"]}
        drawn, marks = grid.folder.drawn(), read_marks(folder)
        there = [name for name in dict.fromkeys(grid.facts.cells) if name in drawn]
        shown = there[:: max(1, len(there) // COVER)][:COVER]
        return {
            "id": grid.id, "name": grid.id, "changed": f"{grid.changed:%Y-%m-%d %H:%M}", "shown": shown,
            "axes": [[title_of(axis.kind, language), len(axis.labels)] for axis in grid.facts.axes],
            "cells": len(grid.facts.cells), "drawn": sum(name in drawn for name in grid.facts.cells),
            "good": sum(mark == "good" for mark in marks.values()),
            "bad": sum(mark == "bad" for mark in marks.values()),
        }  # fmt: skip

    def open(self, asked: Asked, language: str) -> Found:
        """All of an evaluation that its view needs. Pictures are places in `names`."""
        grid = self._grid(asked)
        address = f"evaluate/{quote(grid.id, safe='')}/original"
        return described(grid, language, lambda place: f"{address}/{place}") | {"settings": grid.facts.settings}

    def pulse(self, asked: Asked, _language: str) -> Found:
        """What is drawn and marked by now, unless it is what whoever asks has seen; `stamp` tells of another grid."""
        grid = self._grid(asked)
        return {"stamp": grid.stamp, **_state(grid, asked.get("sum"))}

    def mark(self, asked: Asked, _language: str) -> Found:
        """Keep what somebody thinks of a picture, or nothing. Raises UserError where it cannot be written."""
        grid, name, mark = self._grid(asked), text_in(asked, "picture"), asked.get("mark")
        if name not in grid.places or mark not in MARKS:
            raise meaningless()
        chosen: Mark = mark
        try:
            add_mark(grid.folder.path, name, chosen)
        except OSError as error:
            raise UserError(
                problem(
                    "mark_not_kept", "The mark could not be written to {folder}: {reason}.",
                    folder=str(grid.folder.path), reason=cause_of(error),
                )
            ) from error  # fmt: skip
        return _state(grid)

    def facts(self, asked: Asked, language: str) -> Found:
        """How a picture is drawn, as HTML."""
        grid, name = self._grid(asked), text_in(asked, "picture")
        if name not in grid.places:
            raise meaningless()
        return {"html": facts_html(grid.facts.pictures[name], language)}

    def notes(self, asked: Asked, language: str) -> Found:
        """What stands beside the labels of files: the losses that their training has told."""
        return {"notes": notes_of(self._grid(asked), language)}

    def verdict(self, asked: Asked, language: str) -> Found:
        """Which of the grid's files to use, as HTML. Raises UserError for scores that cannot be read."""
        grid = self._grid(asked)
        found = judged(grid)
        blocks = effects_html(effects(grid.folder, grid.facts), language)
        return {"html": blocks + verdict_html(found.scores, found.verdict, found.chosen, grid.id, language)}

    def use(self, asked: Asked, language: str) -> Found:
        """Keep the weight of a file for WebUIs; what can be done with it next, as HTML."""
        weight = asked.get("weight")
        if not isinstance(weight, int | float) or isinstance(weight, bool) or not math.isfinite(weight):
            raise meaningless()
        run, path = use(self._grid(asked), text_in(asked, "file"), float(weight))
        return {
            "html": used_html(run, path.name, str(path), language),
            "told": text(f"ui.{GROUP}.used", language, file=str(path.with_suffix(".json"))),
        }

    def _grid(self, asked: Asked) -> Grid:
        return self._grids.find(text_in(asked, "id"))


def described(grid: Grid, language: str, original: Callable[[int], str]) -> Found:
    """An evaluation as its view takes it. `original` gives the address of the picture whose caption a prompt is."""
    places = grid.places
    return {
        "id": grid.id, "name": grid.id, "stamp": grid.stamp, "ratio": grid.ratio, "names": grid.names,
        "axes": [
            {"kind": axis.kind, "title": title_of(axis.kind, language), "labels": axis.labels}
            for axis in grid.facts.axes
        ],
        "originals": [original(place) if one else "" for place, one in enumerate(grid.facts.originals)],
        "cells": [places[name] for name in grid.facts.cells],
        "without": [places[name] for name in grid.facts.without],
        **_state(grid),
    }  # fmt: skip


def title_of(kind: str, language: str) -> str:
    """What an axis is called; one of a later version by its own word."""
    return dictionary(language).get(f"ui.{GROUP}.axis_{kind}", kind)


def _state(grid: Grid, known: object = None) -> Found:
    """What changes while people look: which pictures are drawn, how each is marked, and what follows of that.

    Nothing where its `sum` is the one that is known.
    """
    drawn, marks = grid.folder.drawn(), read_marks(grid.folder.path)
    state: Found = {
        "drawn": "".join("1" if name in drawn else "0" for name in grid.names),
        "marks": "".join(LETTERS.get(marks.get(name, ""), ".") for name in grid.names),
    }
    total = zlib.crc32(repr(state).encode())
    if total == known:
        return {}
    return {
        **state, "sum": total,
        "ranking": [
            {"axis": axis, "values": [astuple(one) for one in ranking(grid.facts, marks, axis)]}
            for axis in ranked_axes(grid.facts)
        ],
    }  # fmt: skip

"""scores.json: what was measured of each file at each weight, picture by picture, and with what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from train_core.config.problems import Problem, UserError, cause_of, problem
from train_core.config.untrusted import DATA_BYTES, json_of, reason_of, text_of
from train_core.config.whole_files import write_text

FORMAT = 2  # counts up when a reader of before could not make sense of it
FILE = "scores.json"

# The sets of pictures: `untriggered` are the held-out ones whose captions name the trigger, measured without it.
# Of `prompts` no loss is kept, but how hard they pull at the first step; of the base, those without the trigger.
HELD_OUT, TRAINED, FOREIGN, UNTRIGGERED, PROMPTS = "held_out", "trained", "foreign", "untriggered", "prompts"
# The measures.
FIDELITY, TRAINED_GAIN, GAP, SPILL, TRIGGER = "fidelity", "trained_gain", "gap", "contamination", "trigger"
MEMORISED = "memorised"
# Those of pictures that are drawn for it.
COPY, SEMANTICS, GENERALISATION, SPREAD = "copy", "semantics", "generalisation", "spread"

Losses = tuple[tuple[float, ...], ...]  # of each picture at each noise level of its set, of which some sets have fewer
# How much a number is worth: plain; of few pictures; none, of too few pictures or since the base knows no tag.
State = Literal["measured", "few", "too_few", "unknown"]
NO_NUMBER = ("too_few", "unknown")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Measure(_Part):
    """One number, in parts of the base's loss: `low` to `high` are its 95 % interval over so many `pictures`.

    `levels` are the same by noise level, from hardly any noise to nothing but noise. Where there are too few pictures
    there are no numbers.
    """

    state: State
    pictures: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    levels: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _has_numbers(self) -> Self:
        numbers = [self.value, self.low, self.high]
        if (self.state in NO_NUMBER, *(number is None for number in numbers)) not in ((True,) * 4, (False,) * 4):
            raise ValueError("a measure lacks its numbers")
        return self


class ScoredFile(_Part):
    """A file that was measured: its name, the SHA-256 of its content, and the epoch in its name, None for the last."""

    name: str
    sha256: str
    epoch: int | None = None


class ScoredPicture(_Part):
    """A picture that was measured with: its path within the folder, the hash of its content, and its caption."""

    name: str
    content: str
    caption: str


class Nearest(_Part):
    """A picture, the trained one that its latents are nearest to, `how` that was turned, and how far apart they are."""

    picture: str
    trained: str
    how: str
    distance: float


class Drawn(_Part):
    """What a point has drawn: its nearest trained pictures; of each picture the share of tags that it shows; of each
    with a tag exchanged whether it shows the new one; of each caption how far its seeds are apart."""

    nearest: tuple[Nearest, ...] = ()
    right: tuple[float, ...] = ()
    followed: tuple[float, ...] = ()
    spreads: tuple[float, ...] = ()


class Point(_Part):
    """A file at a weight: the losses of all pictures by set, and the measures that follow. File "" is the base."""

    file: str
    weight: float
    losses: dict[str, Losses]
    measures: dict[str, Measure] = {}
    drawn: Drawn | None = None

    @property
    def key(self) -> tuple[str, float]:
        return self.file, self.weight


class Scores(_Part):
    """All that was measured. `made_with` has model, seed, size and so on; files stand from the earliest to the last.

    `held_out` is the folder of the pictures of that name, "" in files of earlier versions.
    """

    version: int = FORMAT
    made_with: dict[str, str | int | float]
    held_out: str = ""
    files: tuple[ScoredFile, ...]
    pictures: dict[str, tuple[ScoredPicture, ...]]
    base: Point
    points: tuple[Point, ...]
    nearest: tuple[Nearest, ...] = ()  # of the held-out pictures
    tags: dict[str, bool] = {}  # whether the base knows them

    @property
    def seed(self) -> int:
        return int(self.made_with["seed"])

    @property
    def all_points(self) -> tuple[Point, ...]:
        """The base, and all others."""
        return (self.base, *self.points)

    def place(self, point: Point) -> tuple[int, float]:
        """A key that sorts points from the earliest file to the last, and by weight."""
        return [file.name for file in self.files].index(point.file), point.weight

    @model_validator(mode="after")
    def _fits(self) -> Self:
        known = {file.name for file in self.files}
        counts = {name: len(pictures) for name, pictures in self.pictures.items()}
        if self.base.losses.keys() != counts.keys():
            raise ValueError("the base was not measured with all pictures")
        levels = {name: len(rows[0]) for name, rows in self.base.losses.items() if rows}
        if HELD_OUT not in levels or not all(levels.values()) or not isinstance(self.made_with.get("seed"), int):
            raise ValueError("held-out pictures, noise levels or the seed are missing")
        names = [{picture.name for picture in self.pictures.get(name, ())} for name in (HELD_OUT, UNTRIGGERED)]
        base = [loss for rows in self.base.losses.values() for row in rows for loss in row]
        if not names[1] <= names[0] or min(base) <= 0:
            raise ValueError("there are pictures or losses of the base that cannot be")
        for point in (self.base, *self.points):
            shapes = {name: len(rows) for name, rows in point.losses.items()}
            fits = {HELD_OUT: counts[HELD_OUT]}.items() <= shapes.items() <= counts.items()
            if not fits or any(len(row) != levels[name] for name, rows in point.losses.items() for row in rows):
                raise ValueError(f"the losses of {point.file} are not those of the pictures")
        for point in self.points:
            if point.file not in known:
                raise ValueError(f"{point.file} is not among the files")
        return self


def write_scores(scores: Scores, folder: Path) -> Path:
    """Write scores.json into `folder`: the same scores give the same bytes. Raises OSError."""
    path = folder / FILE
    text = json.dumps(scores.model_dump(mode="json", exclude_defaults=False), ensure_ascii=False, indent=1)
    write_text(path, text + "\n")
    return path


def read_scores(path: Path) -> Scores:
    """The scores in a file. Raises UserError where it cannot be read, is none of ours, or of a later version."""
    try:
        found = json_of(text_of(path, DATA_BYTES))
        version = found.get("version") if isinstance(found, Mapping) else None
        if isinstance(version, int) and version > FORMAT:
            raise UserError(
                problem(
                    "scores_of_later_version",
                    "{file} was written by a later version of this program. Update the program, or score the files "
                    "again.",
                    file=str(path),
                )
            )
        return Scores.model_validate_json(json.dumps(found))
    except OSError as error:
        raise UserError(_unreadable(path, cause_of(error))) from error
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}".removeprefix(": ")
        raise UserError(_unreadable(path, reason)) from error
    except ValueError as error:  # of what is no JSON or no UTF-8
        raise UserError(_unreadable(path, reason_of(error))) from error


def _unreadable(path: Path, reason: str) -> Problem:
    return problem(
        "scores_unreadable",
        "{file} cannot be read as scores: {reason}. Score the files again.",
        file=str(path), reason=reason,
    )

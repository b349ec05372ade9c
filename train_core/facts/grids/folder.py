"""The folder of a grid: `grid.json` says which pictures stand where, and `pictures/` holds them by their content."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from train_core.config.problems import UserError, problem
from train_core.config.untrusted import DATA_BYTES, NotReadable, json_of, reason_of, text_of
from train_core.config.whole_files import write_text, write_whole
from train_core.facts.grids.marks import MARKS_FILE

GRID_FILE, PICTURES = "grid.json", "pictures"
PICTURE_NAME = re.compile(r"[\w-]{1,100}", re.ASCII)  # a file elsewhere cannot be called so


class _Stored(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class AxisFacts(_Stored):
    """An axis: its kind, and what each of its values is called."""

    kind: str
    labels: tuple[str, ...] = Field(min_length=1)


class NetworkFacts(_Stored):
    """A network that a picture is drawn with, and how strong it is."""

    kind: str
    name: str
    text_encoder: float
    unet: float
    blocks: str = ""


class PictureFacts(_Stored):
    """How a picture is drawn. `compared` is the adapter that the grid is about, if the picture has it."""

    prompt: str
    negative_prompt: str
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    seed: int
    steps: int
    scale: float
    sampler: str
    model: str
    networks: tuple[NetworkFacts, ...] = ()
    compared: NetworkFacts | None = None


class OriginalFacts(_Stored):
    """A picture whose caption is a prompt: where it lies, and the hash of its content."""

    path: str
    content: str


class GridFacts(_Stored):
    """A grid: its axes, and for each cell the name of its picture and of the one without the adapter.

    Cells are in the order of a table whose last axis changes fastest. Names are keys of `pictures`. `seeds` are those
    that were drawn at random, in the order in which the grid's settings ask for them. `originals` has for each value
    of the last axis, that of prompts, the picture whose caption it is; it may be empty. `settings` are those of the
    tool, as a form takes them.
    """

    version: int = 1
    axes: tuple[AxisFacts, ...]
    cells: tuple[str, ...]
    without: tuple[str, ...]
    pictures: Mapping[str, PictureFacts]
    seeds: tuple[int, ...] = ()
    originals: tuple[OriginalFacts | None, ...] = ()
    settings: Mapping[str, str | int | float | bool | None] = {}

    @model_validator(mode="after")
    def _complete(self) -> GridFacts:
        count = 1
        for axis in self.axes:
            count *= len(axis.labels)
        if len(self.cells) != count or len(self.without) != count:
            raise ValueError(f"{len(self.cells)} cells instead of {count}")
        if self.originals and (not self.axes or len(self.originals) != len(self.axes[-1].labels)):
            raise ValueError(f"{len(self.originals)} originals of other prompts")
        odd = [name for name in self.pictures if not PICTURE_NAME.fullmatch(name)]
        if odd:
            raise ValueError(f"{odd[0]} is no name of a picture")
        unknown = {*self.cells, *self.without} - self.pictures.keys()
        if unknown:
            raise ValueError(f"no picture {min(unknown)}")
        return self


@dataclass(frozen=True)
class GridFolder:
    """A folder that holds a grid, or will."""

    path: Path

    def picture(self, name: str) -> Path:
        """Where the picture of this name lies, once it is drawn."""
        return self.path / PICTURES / f"{name}.png"

    def drawn(self) -> set[str]:
        """The names of all pictures that are there."""
        try:
            return {path.stem for path in (self.path / PICTURES).iterdir() if path.suffix == ".png"}
        except FileNotFoundError:
            return set()

    def facts(self) -> GridFacts | None:
        """What `grid.json` says; None where there is none. Raises UserError for one that cannot be read."""
        file = self.path / GRID_FILE
        try:
            return GridFacts.model_validate(json_of(text_of(file, DATA_BYTES)))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise _unreadable(file, f"{place}: {first['msg']}" if place else first["msg"]) from error
        except (OSError, NotReadable, ValueError) as error:
            raise _unreadable(file, reason_of(error)) from error

    def set_aside(self) -> Path:
        """Put the grid that is here, with its pictures and marks, into a new folder beside this one; returns that.

        Pictures stay here too; where the drive can, both are the same file. Raises OSError.
        """
        to = next(
            path for number in count(2) if not (path := self.path.with_name(f"{self.path.name} ({number})")).exists()
        )
        facts = self.facts()
        names = {*facts.cells, *facts.without} if facts else set()
        with write_whole(to) as temporary:
            (temporary / PICTURES).mkdir(parents=True)
            for name in names & self.drawn():
                _same_file(self.picture(name), temporary / PICTURES / f"{name}.png")
            for file in (GRID_FILE, MARKS_FILE):
                if (self.path / file).is_file():
                    shutil.copy2(self.path / file, temporary / file)
        return to

    def write(self, facts: GridFacts) -> None:
        """Write `grid.json`. Raises OSError."""
        write_text(self.path / GRID_FILE, json.dumps(facts.model_dump(mode="json"), ensure_ascii=False) + "\n")


def _same_file(path: Path, to: Path) -> None:
    try:
        os.link(path, to)
    except OSError:  # a drive that has no links
        shutil.copy2(path, to)


def _unreadable(file: Path, reason: str) -> UserError:
    return UserError(
        problem(
            "grid_unreadable",
            "{file} cannot be read ({reason}). Remove it and draw the grid again; pictures that are there are kept.",
            file=str(file), reason=reason,
        )
    )  # fmt: skip

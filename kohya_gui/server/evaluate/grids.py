"""The evaluations in the home: which there are, and what is in each, read again where its file has changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from train_core.config.existing import is_file
from train_core.config.places import evaluations_dir
from train_core.config.problems import UserError, problem
from train_core.facts.grids.folder import GRID_FILE, GridFacts, GridFolder
from train_core.facts.images.image_files import content_hashes

MOST_KEPT = 50  # grids that are kept in memory, a large one as some megabytes


@dataclass(frozen=True)
class Grid:
    """An evaluation as its file describes it, which has `changed` then; `stamp` is another one after each change."""

    folder: GridFolder
    facts: GridFacts
    stamp: str
    changed: datetime

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.folder.path.name

    @cached_property
    def names(self) -> list[str]:
        """The names of all pictures in an order that says nothing of them; others speak of them by their place."""
        return sorted({*self.facts.cells, *self.facts.without})

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each name in `names`."""
        return {name: place for place, name in enumerate(self.names)}

    def original(self, place: int) -> Path | None:
        """The picture whose caption is the prompt with this number, if it is still the same one."""
        originals = self.facts.originals
        one = originals[place] if 0 <= place < len(originals) else None
        return Path(one.path) if one is not None and is_same(Path(one.path), one.content) else None

    @cached_property
    def ratio(self) -> float:
        """Height of a picture by its width, of that shape which most of them have."""
        shapes = Counter((one.width, one.height) for name in self.names for one in [self.facts.pictures[name]])
        (width, height), _ = shapes.most_common(1)[0]
        return height / width


class Grids:
    """The evaluations, those that were looked at last kept in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, Grid] = {}

    def folders(self) -> list[Path]:
        """The folders that hold a grid, the newest first."""
        try:
            found = [(path.stat().st_mtime, path.parent) for path in evaluations_dir().glob(f"*/{GRID_FILE}")]
        except OSError:  # one was removed meanwhile; whoever asks again sees the others
            return []
        return [folder for _, folder in sorted(found, reverse=True)]

    def find(self, id: str) -> Grid:
        """The evaluation called `id`. Raises UserError if there is none, or its file cannot be read."""
        folder = evaluations_dir() / id
        if not id or id in (".", "..") or folder.name != id or "\\" in id or "\0" in id:
            raise _gone()
        try:
            state = (folder / GRID_FILE).stat()
        except OSError:
            raise _gone() from None
        stamp = f"{state.st_mtime_ns}-{state.st_size}"
        kept = self._kept.get(id)
        if kept is None or kept.stamp != stamp or kept.folder.path != folder:
            facts = GridFolder(folder).facts()
            if facts is None:
                raise _gone()
            self._kept.pop(id, None)
            kept = self._kept[id] = Grid(GridFolder(folder), facts, stamp, datetime.fromtimestamp(state.st_mtime))
            while len(self._kept) > MOST_KEPT:
                self._kept.pop(next(iter(self._kept)), None)
        return kept

    def picture(self, id: str, name: str) -> Path | None:
        """The file of a picture of an evaluation, once it is drawn."""
        try:
            grid = self.find(id)
        except UserError:
            return None
        path = grid.folder.picture(name) if name in grid.places else None
        return path if path is not None and is_file(path) else None


def is_same(picture: Path, content: str) -> bool:
    """Whether the picture is there, and has the content with that hash."""
    try:
        return is_file(picture) and content_hashes([picture])[picture] == content
    except UserError:  # it cannot be read any more
        return False


def _gone() -> UserError:
    return UserError(problem("evaluation_gone", "This evaluation is no longer there. Choose another one."))

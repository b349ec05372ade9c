"""What was found on a picture: faces, people, text. Asking needs no model; looking loads those that it needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

from train_core.config import places
from train_core.facts.file_cache import known_of, recall
from train_core.facts.images.image_files import image_size, unreadable
from train_core.studio.vision.box import Box

FACES, PERSON, TEXT = WHAT = ("faces", "person", "text")
# Of facts in the cache of files; other numbers when something else is found.
KINDS: Mapping[str, str] = {FACES: "studio-faces-1", PERSON: "studio-person-1", TEXT: "studio-text-1"}
AT_ONCE = 8  # pictures to look at together


@dataclass(frozen=True)
class Found:
    """What was found on a picture, in pixels of the upright picture in its own size.

    `person` is around all people together. `looked` says what was looked for at all: of `faces`, `person`, `text`.
    """

    faces: tuple[Box, ...] = ()
    person: Box | None = None
    text: tuple[Box, ...] = ()
    looked: frozenset[str] = frozenset()


def found(path: Path) -> Found | None:
    """What was found on a picture as it is now; None if nobody has looked yet, or if it cannot be read."""
    said = {what: text for what, kind in KINDS.items() if (text := known_of(path, kind, _database())) is not None}
    return _of_texts(said) if said else None


def known(paths: Sequence[Path]) -> dict[Path, Found]:
    """What was found already, on those of the pictures that were looked at as they are now."""
    said = {what: recall(paths, kind, lambda _: None, _database()) for what, kind in KINDS.items()}
    return _by_path(paths, said)


def look(path: Path, what: Sequence[str] = (FACES, PERSON)) -> Found:
    """What is on a picture, looked for now unless it is known. Raises UserError if it cannot be read."""
    answer = looked([path], what).get(path)
    if answer is None:
        image_size(path)  # which says what is wrong with it
        raise unreadable(path, ValueError("its pixels cannot be decoded"))
    return answer


def looked(paths: Sequence[Path], what: Sequence[str]) -> dict[Path, Found]:
    """What is on pictures, looked for now where it is not known; those that cannot be read are left out.

    All of `paths` may be in memory together, at 1,280 pixels: give it `AT_ONCE` at a time.
    """
    from train_core.studio.vision.looker import Looker  # noqa: PLC0415 - loads OpenCV

    looker = Looker()
    said = {
        one: recall(paths, KINDS[one], partial(_look_for, looker.finders[one]), _database())
        for one in WHAT if one in what
    }  # fmt: skip
    return _by_path(paths, said)


def _look_for(finder: Callable[[Path], Sequence[Box]], path: Path) -> str:
    """What is on the picture, as text for the cache."""
    try:
        boxes = finder(path)
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        return json.dumps({"broken": str(error)[:200]})
    return json.dumps([astuple(box) for box in boxes])


def _by_path(paths: Sequence[Path], said: Mapping[str, Mapping[Path, str]]) -> dict[Path, Found]:
    of_each = {path: {what: texts[path] for what, texts in said.items() if path in texts} for path in paths}
    return {path: one for path, texts in of_each.items() if (one := _of_texts(texts)) is not None}


def _of_texts(texts: Mapping[str, str]) -> Found | None:
    """What the texts of the cache say, by what was looked for; None for a picture that cannot be read, or for none."""
    said = {what: json.loads(text) for what, text in texts.items()}
    if not said or any("broken" in one for one in said.values()):
        return None
    boxes = {what: tuple(Box(*row) for row in rows) for what, rows in said.items()}
    return Found(
        boxes.get(FACES, ()), next(iter(boxes.get(PERSON, ())), None), boxes.get(TEXT, ()), frozenset(boxes)
    )


def _database() -> Path:
    return places.caches_dir() / "files.sqlite"

"""What was found on a picture: faces, people, text. Asking needs no model; looking loads those that it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_core.config import places
from train_core.facts.file_cache import known_of, recall, revise, shared_database
from train_core.facts.images.image_files import image_size, unreadable
from train_core.studio.vision.box import Box

if TYPE_CHECKING:
    from train_core.studio.vision.looker import Looker

FACES, PERSON, TEXT = WHAT = ("faces", "person", "text")
KIND = "studio-found-1"  # of fact in the cache of files; another number when something else is found
BROKEN = "broken"
AT_ONCE = 8  # pictures to look at together
LAST = "studio-looked"  # among the caches: a file that is touched when something was looked at


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
    said = known_of(path, KIND, shared_database())
    return None if said is None else _of_text(said)


def known(paths: Sequence[Path]) -> dict[Path, Found]:
    """What was found already, on those of the pictures that were looked at as they are now."""
    return _readable(recall(paths, KIND, lambda _: None, shared_database()))


def last_look() -> int:
    """Another number whenever something was looked at; 0 if nothing ever was."""
    try:
        return _last().stat().st_mtime_ns
    except OSError:
        return 0


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
    said = recall(paths, KIND, lambda _: None, shared_database())
    missing = [path for path in paths if path not in said or _missing(json.loads(said[path]), what)]
    if missing:
        from train_core.studio.vision.looker import Looker  # noqa: PLC0415 - loads OpenCV

        said |= revise(missing, KIND, partial(_more, Looker(), tuple(what)), shared_database())
        with suppress(OSError):  # caches that cannot be written hold nothing new either
            _last().touch()
    return _readable(said)


def _missing(said: Mapping[str, Any], what: Sequence[str]) -> list[str]:
    return [one for one in what if one not in said and BROKEN not in said]


def _more(looker: Looker, what: Sequence[str], path: Path, known: str | None) -> str | None:
    """What is known of a picture with what was not looked for before; None if there is nothing more to say."""
    said: dict[str, Any] = json.loads(known) if known is not None else {}
    missing = _missing(said, what)
    if not missing:
        return None
    try:
        more = {one: [astuple(box) for box in looker.finders[one](path)] for one in missing}
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        return json.dumps({BROKEN: str(error)[:200]})
    return json.dumps({**said, **more})


def _readable(said: dict[Path, str]) -> dict[Path, Found]:
    return {path: one for path, text in said.items() if (one := _of_text(text)) is not None}


def _of_text(text: str) -> Found | None:
    said = json.loads(text)
    if BROKEN in said:
        return None
    boxes = {what: tuple(Box(*row) for row in rows) for what, rows in said.items()}
    return Found(
        boxes.get(FACES, ()), next(iter(boxes.get(PERSON, ())), None), boxes.get(TEXT, ()), frozenset(boxes)
    )


def _last() -> Path:
    return places.caches_dir() / LAST

"""Faces, people and text on all pictures of a folder, which the Data tab then filters by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from train_core.config.jobs.pictures import FindFaces, FindFacesSettings
from train_core.config.problems import UserError, problem
from train_core.facts.images.image_files import image_size, unreadable
from train_core.studio.dataset import pictures_in
from train_core.studio.looking import name_below, no_picture_in
from train_core.studio.vision.found import AT_ONCE, FACES, PERSON, TEXT, Found, looked
from train_core.workshop.common.report import Report

MOST_ROWS = 50  # of a table
MOST_NAMED = 20  # files that cannot be read


def run(config: FindFaces, report: Report) -> None:
    """Look at what was not looked at yet, a few pictures at a time, so that a stopped tool goes on where it was."""
    what = _what(config.find_faces)
    folder = Path(config.find_faces.pictures)
    paths, heads = pictures_in(folder)
    readable = list(heads)
    progress = report.stage("looking")
    found: dict[Path, Found] = {}
    for start in range(0, len(readable), AT_ONCE):
        progress(start, len(readable))
        found |= looked(readable[start : start + AT_ONCE], what)
    progress(len(readable), len(readable))
    _name_unreadable([path for path in paths if path not in found], report)
    _tell(folder, found, what, report)


def _what(settings: FindFacesSettings) -> list[str]:
    chosen = {FACES: settings.look_for_faces, PERSON: settings.look_for_people, TEXT: settings.look_for_text}
    if not any(chosen.values()):
        raise UserError(
            problem("find_nothing", "There is nothing to look for. Choose faces, people or text.")
        )
    return [what for what, wanted in chosen.items() if wanted]


def _name_unreadable(paths: Sequence[Path], report: Report) -> None:
    for path in paths[:MOST_NAMED]:
        try:
            image_size(path)
        except UserError as error:
            for found in error.problems:
                report.warning(found)
        else:
            for found in unreadable(path, ValueError("its pixels cannot be decoded")).problems:
                report.warning(found)
    if len(paths) > MOST_NAMED:
        report.warning(no_picture_in(paths))


def _tell(folder: Path, found: Mapping[Path, Found], what: Sequence[str], report: Report) -> None:
    """How many pictures each filter of the Data tab would show, and what is on the pictures, most text first."""
    everything = list(found.values())
    counts = {
        FACES: [
            ("faces:0", sum(not one.faces for one in everything)),
            ("faces:1", sum(len(one.faces) == 1 for one in everything)),
            ("faces>=2", sum(len(one.faces) > 1 for one in everything)),
        ],
        PERSON: [("person", sum(one.person is not None for one in everything))],
        TEXT: [("text", sum(bool(one.text) for one in everything))],
    }  # fmt: skip
    report.table("found", ("filter", "pictures"), [row for one in what for row in counts[one]])
    rows = sorted(
        (-len(one.text), -len(one.faces), name_below(path, folder)) for path, one in found.items()
        if one.faces or one.text
    )  # fmt: skip
    if rows:
        report.table(
            "on_pictures", ("picture", "faces", "lines_of_text"),
            [(name, -faces, -lines) for lines, faces, name in rows[:MOST_ROWS]],
        )  # fmt: skip

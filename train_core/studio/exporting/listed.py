"""Captions of an export in one file for many pictures: sd-scripts' metadata as JSON or JSONL, or an imagefolder's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from train_core.config.problems import UserError, problem
from train_core.facts.images.image_files import is_image
from train_core.studio import captions
from train_core.studio.captions import tags_of
from train_core.studio.exporting.files import File, has_mask
from train_core.studio.exporting.pieces import REGULARISATION, TRAIN, VALIDATION, Piece
from train_core.studio.exporting.plan import Form

NAMES: Mapping[Form, str] = {"JSON": "metadata.json", "JSONL": "metadata.jsonl", "imagefolder": "metadata.jsonl"}
# Which pictures have their captions there. A training validates on folders, so those of sd-scripts are to train on.
LISTED: Mapping[Form, tuple[str, ...]] = {
    "folders": (), "JSON": (TRAIN,), "JSONL": (TRAIN,), "imagefolder": (TRAIN, VALIDATION),
}  # fmt: skip
MOST_WORDS = 5  # of one tag, beyond which it is part of a sentence


def check_form(form: Form, pieces: Iterable[Piece]) -> None:
    """Raise UserError for pieces that only folders can say."""
    if form != "folders" and any(one.use == REGULARISATION or has_mask(one) for one in pieces):
        raise UserError(
            problem(
                "export_form", "A list of captions ({form}) has no place for regularisation pictures and masks. Export "
                "as folders, or take boxes for regularisation and what is not to be learnt away under Crops.",
                form=form,
            )
        )  # fmt: skip


def listed(files: Iterable[File], form: Form) -> Iterator[File]:
    """The files of an export with the captions of this form in one file for each folder, which comes last."""
    pictures: list[tuple[File, str]] = []
    for file in files:
        if file.place.split("/")[0] not in LISTED[form]:
            yield file
        elif file.use:
            pictures.append((replace(file, content=b""), ""))  # what is in it is not needed again
            yield file
        else:
            pictures[-1] = (pictures[-1][0], captions.shown(file.content.decode()).strip())
    if form == "folders":
        return
    lists: dict[str, list[tuple[str, str]]] = {}
    for picture, text in pictures:
        folder = list_place(picture.place, form)
        lists.setdefault(folder, []).append((picture.place[len(folder) - len(NAMES[form]) :], text))
    first = pictures[0][0] if pictures else None
    for place, rows in lists.items():
        assert first is not None
        yield File(place, _written(rows, form).encode(), first.source, "", (form,))


def list_place(picture: str, form: Form) -> str:
    """Where the caption of the picture at a place is listed: in its folder, an imagefolder's in that above."""
    above = picture.split("/")[: 1 if form == "imagefolder" else 2]
    return "/".join([*above, NAMES[form]])


def _written(rows: Iterable[tuple[str, str]], form: Form) -> str:
    if form == "JSON":
        return json.dumps({_key(name): _fields(text) for name, text in rows}, ensure_ascii=False, indent=1) + "\n"
    lines: Iterable[dict[str, Any]] = (
        {"image_path": name, **_fields(text)} if form == "JSONL" else {"file_name": name, "text": text}
        for name, text in rows
    )
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _key(name: str) -> str:
    """A picture's name without its ending, with which sd-scripts before 2025 find no picture in a folder."""
    stem = name[: name.rindex(".")]
    return name if is_image(Path(stem)) else stem


def _fields(text: str) -> dict[str, str]:
    """A caption as sd-scripts has it: tags if that is what it is, else a sentence."""
    return {"tags" if _is_tags(text) else "caption": text}


def _is_tags(text: str) -> bool:
    tags = tags_of(text)
    return "\n" not in text and not text.endswith((".", "。")) and all(len(tag.split()) <= MOST_WORDS for tag in tags)

"""Sending what a run has learnt to a WebUI: the file, a picture and a card beside it, and the words for a prompt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from kohya_gui.runs.details.copying import copied, same_there
from kohya_gui.runs.details.files import RunFile, files_of, find_file
from kohya_gui.runs.details.record import PICTURES, record_of
from kohya_gui.runs.history.notes import read_notes
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.untrusted import json_of
from train_core.config.whole_files import write_text, write_whole
from train_core.facts.adapters.trigger import trigger_words
from train_core.facts.adapters.webui_card import card_text, webui_card
from train_core.facts.models.about import about
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.facts.models.webuis import ModelKind, WebUI
from train_core.facts.run.result_names import not_writable
from train_core.kinds import KINDS, stated_kind


@dataclass(frozen=True)
class Sent:
    """A file that lies in a WebUI now; `already` if it did before."""

    path: Path
    already: bool


def send(folder: Path, name: str, webui: WebUI) -> Sent:
    """Copy the file called `name` of the run in `folder` to where `webui` has such models, with picture and card.

    Nothing is replaced: a file of this name and another content keeps it, and the copy gets a number. Raises
    `UserError`.
    """
    file = result_named(folder, name)
    wanted = webui.folder(kind_of(file.path)) / file.path.name
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        there = same_there(file.path, wanted)
        path = there or copied(file.path, wanted)
        _write_card(path, file.path)
        _write_picture(path, folder, file)
    except OSError as error:
        raise UserError(not_writable(wanted.parent, cause_of(error))) from error
    return Sent(path, there is not None)


def result_named(folder: Path, name: str) -> RunFile:
    """The result of the run that is called `name`. Raises `UserError` where there is none any more."""
    found = find_file(folder, name)
    if found is None or not found.is_result or found.parts:
        raise UserError(problem("run_file_gone", "The run has no such file any more."))
    return found


def results_of(folder: Path) -> list[RunFile]:
    """The results of the run in `folder` that are still there, the oldest first; folders are for no WebUI."""
    return sorted((one for one in files_of(folder) if one.is_result and not one.parts), key=lambda one: one.step)


def words_of(path: Path) -> str:
    """The words that trigger what the adapter at `path` has learnt, as it says itself; "" where none are known."""
    return trigger_words(metadata_of(path))


def kind_of(path: Path) -> ModelKind:
    """Among which models of a WebUI a result belongs: what its header says, else with the adapters."""
    if path.suffix.lower() in PICTURES:
        return "embedding"  # which A1111 reads out of pictures
    found = about(path)
    return found.place if found is not None and found.place is not None else "adapter"


def prompt_of(path: Path) -> str:
    """What calls the result at `path` up in a prompt of a WebUI: its tag, and the words that trigger it."""
    kind = kind_of(path)
    if kind == "embedding":
        return path.stem
    tag = {"adapter": f"<lora:{path.stem}:1>", "hypernetwork": f"<hypernet:{path.stem}:1>"}.get(kind, "")
    return ", ".join(one for one in (tag, words_of(path)) if one)


def metadata_of(path: Path) -> Mapping[str, str]:
    """What the file says of itself; nothing where that cannot be read."""
    try:
        return read_tensor_file(path).metadata
    except UserError:  # the file is as it is; a WebUI says so itself
        return {}


def _write_card(path: Path, source: Path) -> None:
    """The card of A1111 beside `path`: the one beside `source`, else what the file says of itself. A card that is
    there already stays."""
    to = path.with_suffix(".json")
    if not os.path.lexists(to):
        write_text(to, card_of(source))


def card_of(source: Path) -> str:
    """The text of the card for the adapter at `source`: of the one beside it, else what the file says of itself."""
    metadata = metadata_of(source)
    kind = KINDS.get(stated_kind(metadata))
    return _card_at(source.with_suffix(".json"), words_of(source)) or webui_card(
        description=metadata.get("modelspec.description", ""), version=kind.in_a1111 if kind is not None else "",
        trigger=words_of(source), weight=0, notes=metadata.get("modelspec.usage_hint", ""),
    )


def _card_at(path: Path, words: str) -> str:
    """The text of a card that the run has written, with `words` where it has none to trigger; "" without a card."""
    with suppress(OSError, ValueError):  # ValueError for what is no text, and for what is no JSON
        card = json_of(path.read_text(encoding="utf-8"))
        if isinstance(card, dict) and "activation text" in card:
            return card_text({**card, "activation text": card["activation text"] or words})
    return ""


def _write_picture(path: Path, folder: Path, file: RunFile) -> None:
    """A sample picture beside `path`, as WebUIs show it in their lists: one that was marked as good, else the first
    one, of the step nearest to the file's. A picture that is there already stays."""
    to = path.with_suffix(".preview.png")
    picture = None if os.path.lexists(to) else _picture_for(folder, file)
    if picture is None:
        return
    try:
        with Image.open(picture) as image:
            shown = image.convert("RGB")
    except Exception:  # Pillow's decoders raise whatever they like on broken files; the file goes without a picture
        return
    with write_whole(to) as temporary:
        shown.save(temporary, "PNG")


def _picture_for(folder: Path, file: RunFile) -> Path | None:
    drawn = [one for one in record_of(folder).samples if Path(one.path).suffix.lower() in PICTURES]
    marks = read_notes(folder).marks
    nearest = min((abs(one.step - file.step) for one in drawn), default=0)
    here = [one for one in drawn if abs(one.step - file.step) == nearest and Path(one.path).is_file()]
    good = {"good": 0, "bad": 2}
    best = min(here, key=lambda one: (good.get(marks.get(Path(one.path).name, ""), 1), one.index), default=None)
    return Path(best.path) if best is not None else None

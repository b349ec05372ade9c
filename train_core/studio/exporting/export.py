"""Export of chosen pictures as folders to train on: copies with captions, a dataset file, and a list of what is what.

What an earlier export wrote and nobody has changed is written again only if it differs, and removed when it is no
longer wanted; whatever else lies in the folder is never touched.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.existing import exists, is_file
from train_core.config.problems import Problem, UserError, cause_of, problem
from train_core.config.tables import dump_tables
from train_core.config.untrusted import text_of
from train_core.config.whole_files import write_text, write_whole
from train_core.studio.exporting.archive import write_archive
from train_core.studio.exporting.files import MASKS, File, files
from train_core.studio.exporting.listed import LISTED, check_form, list_place, listed
from train_core.studio.exporting.pieces import REGULARISATION, TRAIN, USES, VALIDATION, Piece, pieces
from train_core.studio.exporting.plan import MANIFEST, Plan, check, is_empty
from train_core.studio.holding_out import hold_out
from train_core.studio.listing import Listing
from train_core.studio.studio import Studio

DATASET = "dataset.toml"
VERSION = 1
PIECE = 1 << 20  # bytes
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Exported:
    """What an export has done: pictures by what they are for, files written and removed, what was left.

    `validation`, `regularisation` and `masks` are folders, None where nothing was written there. `description` is the
    dataset file where captions are not beside the pictures, and `archive` the zip file, None without one.
    """

    train: Path
    validation: Path | None
    regularisation: Path | None
    masks: Path | None
    trained: int
    held_out: int
    regular: int
    written: int
    unchanged: int
    removed: int
    left: tuple[Problem, ...] = ()
    description: Path | None = None
    archive: Path | None = None


def export_kept(listing: Listing, plan: Plan, progress: Progress = lambda done, total: None) -> Exported:
    """Export the pictures of a dataset that are kept, near-duplicates as far as they are known. Raises UserError."""
    listing.take_measures()
    return export(
        listing.studio, listing.order("mark:keep"), plan, [one.pictures for one in listing.alike()], progress
    )


def export(studio: Studio, ids: Sequence[int], plan: Plan, groups: Sequence[Sequence[int]] = (),
           progress: Progress = lambda done, total: None) -> Exported:  # fmt: skip
    """Write the pictures `ids`, or their boxes, and their captions below the plan's folder.

    `groups` are near-duplicates, which are not divided between training and validation. Raises UserError for a name or
    a folder that cannot be, without pictures, for a picture that would be trained on and regularise as well, and where
    nothing can be written.
    """
    check(studio, ids, plan)
    digests = studio.identify(ids)
    held = set(hold_out(digests, groups, plan.held_out, plan.seed)) if plan.held_out else set()
    parts = pieces(studio, digests, held, plan)
    check_form(plan.form, parts)
    before = _manifest(plan.folder)
    left = [_fewer(plan.held_out, len(held))] if len(held) < plan.held_out else []
    written: dict[str, dict[str, Any]] = {}
    states: Counter[str] = Counter()
    uses: Counter[str] = Counter()
    try:
        _note(plan, before)  # so that an export that is killed can be done again
        for file in listed(files(studio, digests, parts, left), plan.form):
            state = _put(plan.folder, file, before.get(file.place), left)
            states[state] += 1
            if state != "left":
                written[file.place] = _row(file)
            uses[file.use] += 1
            progress(sum(uses[use] for use in USES), len(parts))
        if plan.form != "imagefolder":
            written[DATASET] = _write_dataset_file(plan, parts, written)
        removed = _remove(plan.folder, {place: row for place, row in before.items() if place not in written
                                        and not (plan.zipped and place == plan.archive)}, left)  # fmt: skip
        archive = _zip(plan, before, written, left)
        _note(plan, written)
    except OSError as error:
        raise _not_written(plan.folder, error) from error
    progress(1, 1)

    def folder(name: str) -> Path | None:
        return plan.folder / name if any(place.startswith(f"{name}/") for place in written) else None

    return Exported(
        plan.folder / TRAIN, folder(VALIDATION), folder(REGULARISATION), folder(MASKS), uses[TRAIN], uses[VALIDATION],
        uses[REGULARISATION], states["written"], states["unchanged"], removed, tuple(left),
        plan.folder / DATASET if plan.form in ("JSON", "JSONL") else None, archive,
    )  # fmt: skip


def _put(folder: Path, file: File, before: Mapping[str, Any] | None, left: list[Problem]) -> str:
    """Write a file unless it is there already; one that somebody else has put there or changed is left."""
    path = folder / file.place
    if exists(path):
        now = path.read_bytes() if is_file(path) else b""
        if now == file.content:
            return "unchanged"
        if before is None or before.get("written") != _sum(now):
            left.append(_foreign(path))
            return "left"
    with write_whole(path) as temporary:
        temporary.write_bytes(file.content)
    return "written"


def _zip(
    plan: Plan, before: Mapping[str, Any], written: dict[str, dict[str, Any]], left: list[Problem]
) -> Path | None:
    """Write the zip file if one is asked for, unless there is one that no export has written."""
    path = plan.folder / plan.archive
    if not plan.zipped:
        return None
    if exists(path) and before.get(plan.archive, {}).get("written") != _sum_of(path):
        left.append(_foreign(path))
        return None
    with write_whole(path) as temporary:
        write_archive(temporary, plan.folder, written)
    written[plan.archive] = _made(path, "zip")
    return path


def _remove(folder: Path, rows: Mapping[str, Mapping[str, Any]], left: list[Problem]) -> int:
    """Remove what an earlier export wrote and this one does not want, unless somebody has changed it."""
    removed = 0
    for place, row in rows.items():
        path = folder / place
        if not is_file(path):
            continue
        if row.get("written") != _sum_of(path):
            left.append(_foreign(path))
            continue
        path.unlink()
        removed += 1
        for parent in path.parents:
            if parent == folder or not is_empty(parent):
                break
            parent.rmdir()
    return removed


def _note(plan: Plan, files: Mapping[str, dict[str, Any]]) -> None:
    """Write the list of files."""
    said = {
        "version": VERSION, "name": plan.name, "repeats": plan.repeats, "held_out": plan.held_out, "seed": plan.seed,
        "whole": plan.whole, "boxes": plan.boxes, "form": plan.form,
        "files": files,
    }  # fmt: skip
    write_text(plan.folder / MANIFEST, json.dumps(said, indent=1) + "\n")


def _write_dataset_file(plan: Plan, parts: Sequence[Piece], written: Mapping[str, Any]) -> dict[str, Any]:
    """Write the dataset file, whose paths are relative to it; its row in the list of files."""
    masked = {place.split("/")[1] for place in written if place.startswith(f"{MASKS}/")}
    folders = {piece.folder: piece for piece in parts if piece.use != VALIDATION}
    subsets = [_subset(folder, piece, masked, plan) for folder, piece in folders.items()]
    tables = {"datasets": [{"subsets": subsets}]}
    validates = any(piece.use == VALIDATION for piece in parts)
    heading = "# Written by the Data tab. Held-out pictures are in validation/.\n" if validates else ""
    write_text(plan.folder / DATASET, heading + dump_tables(tables))
    return _made(plan.folder / DATASET, "dataset")


def _subset(folder: str, piece: Piece, masked: set[str], plan: Plan) -> dict[str, Any]:
    if piece.use in LISTED[plan.form]:
        place = list_place(f"{folder}/", plan.form)
        return {"metadata_file": place, "image_dir": folder, "num_repeats": piece.repeats}
    said: dict[str, Any] = {
        "image_dir": folder, "num_repeats": piece.repeats, "class_tokens": piece.name, "caption_extension": ".txt",
    }  # fmt: skip
    if piece.use == REGULARISATION:
        said["is_reg"] = True
    elif folder.removeprefix(f"{TRAIN}/") in masked:
        said["conditioning_data_dir"] = f"{MASKS}/{folder.removeprefix(f'{TRAIN}/')}"
    return said


def _row(file: File) -> dict[str, Any]:
    return {
        "source": str(file.source), "digest": file.digest, "operations": list(file.operations),
        "written": _sum(file.content),
    }  # fmt: skip


def _made(path: Path, operation: str) -> dict[str, Any]:
    """The row of a file that is made of the export as a whole."""
    return {"source": "", "digest": "", "operations": [operation], "written": _sum_of(path)}


def _manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """The files of an earlier export by their places; what no export can have written does not count."""
    if not is_file(folder / MANIFEST):
        return {}
    try:
        said = json.loads(text_of(folder / MANIFEST, most=256 << 20))
    except (OSError, ValueError, RecursionError):
        return {}
    files = said.get("files") if isinstance(said, dict) else None
    return {
        place: row for place, row in (files.items() if isinstance(files, dict) else ())
        if isinstance(row, dict) and _is_ours(place)
    }  # fmt: skip


def _is_ours(place: str) -> bool:
    """Whether an export may have written this: below one of its folders, or the zip file."""
    first, *below = place.split("/")
    if below:
        return first in (*USES, MASKS) and ".." not in below
    return first == DATASET or (first.endswith(".zip") and not first.startswith("."))


def _sum_of(path: Path) -> str:
    """As `_sum`, of a file piece by piece; "" for one that is none."""
    if not is_file(path):
        return ""
    found = hashlib.blake2b(digest_size=20)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def _sum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=20).hexdigest()


def _fewer(wanted: int, held: int) -> Problem:
    return problem(
        "export_held_fewer",
        "Held out: {held}, not {wanted}. Near-duplicates stay together, and at least one picture has to be trained on.",
        wanted=wanted, held=held,
    )


def _foreign(path: Path) -> Problem:
    return problem(
        "export_foreign", "{file} was put there or changed by somebody, so it stays as it is.", file=str(path)
    )


def _not_written(folder: Path, error: OSError) -> UserError:
    return UserError(
        problem(
            "export_not_written", "Nothing can be written to {folder} ({reason}). Free some space, or choose another "
            "folder.", folder=str(folder), reason=cause_of(error),
        )
    )  # fmt: skip

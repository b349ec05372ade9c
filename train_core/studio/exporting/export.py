"""Export of chosen pictures as folders to train on: copies with captions, a dataset file, and a list of what is what.

Whatever else lies in the folder is never touched (`writing.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.existing import exists
from train_core.config.problems import Problem, problem
from train_core.config.tables import dump_tables
from train_core.config.whole_files import write_text, write_whole
from train_core.studio.exporting.archive import write_archive
from train_core.studio.exporting.dividing import Weight, divided, weights
from train_core.studio.exporting.files import MASKS, files
from train_core.studio.exporting.front import shared_front, training_texts
from train_core.studio.exporting.listed import LISTED, check_form, list_place, listed
from train_core.studio.exporting.pieces import REGULARISATION, TRAIN, USES, VALIDATION, Piece
from train_core.studio.exporting.plan import MANIFEST, Plan, check
from train_core.studio.exporting.wording import has_both, worded
from train_core.studio.exporting.writing import Row, Written, read_list, writing_to
from train_core.studio.listing import Listing
from train_core.studio.studio import Studio

DATASET = "dataset.toml"
PORTION = 1000  # pictures after which the list of files is written, so that what a killed export has left is known
Progress = Callable[[int, int], None]
UNREAD = ("caption_not_utf8", "caption_zero_byte", "caption_unreadable")


@dataclass(frozen=True)
class Exported:
    """What an export has done: pictures by what they are for, files written and removed, what was left.

    `validation`, `regularisation` and `masks` are folders, None where nothing was written there. `description` is the
    dataset file where captions are not beside the pictures, and `archive` the zip file, None without one. `keep_tokens`
    tags open every caption; with `picks_lines` captions have several lines, of which one is to be taken each time.
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
    keep_tokens: int = 0
    picks_lines: bool = False


def export_kept(listing: Listing, plan: Plan, progress: Progress = lambda done, total: None) -> Exported:
    """Export the pictures of a dataset that are kept, near-duplicates as far as they are known. Raises UserError."""
    listing.take_measures()
    return export(
        listing.studio, listing.order("mark:keep"), plan, [one.pictures for one in listing.alike()], progress
    )


def folders_of(listing: Listing, plan: Plan) -> list[Weight]:
    """The folders that `export_kept` would write, with their pictures and repeats. Raises UserError as that does."""
    ids = listing.order("mark:keep")
    check(listing.studio, ids, plan)
    listing.take_measures()
    return weights(divided(listing.studio, ids, plan, [one.pictures for one in listing.alike()]).pieces)


def export(studio: Studio, ids: Sequence[int], plan: Plan, groups: Sequence[Sequence[int]] = (),
           progress: Progress = lambda done, total: None) -> Exported:  # fmt: skip
    """Write the pictures `ids`, or their boxes, and their captions below the plan's folder.

    `groups` are near-duplicates, which are not divided between training and validation. Raises UserError for a name or
    a folder that cannot be, without pictures, for a picture that would be trained on and regularise as well, and where
    nothing can be written.
    """
    check(studio, ids, plan)
    found = divided(studio, ids, plan, groups)
    parts, digests, held = found.pieces, found.digests, found.held
    check_form(plan.form, parts)
    texts = training_texts(studio, parts)
    keep_tokens = shared_front([worded(text, plan.wording) for text in texts]) if plan.wording != "sentence" else 0
    picks_lines = plan.wording == "lines" and has_both(texts) > 0
    left = [_fewer(plan.held_out, len(held))] if len(held) < plan.held_out else []
    halves = sum(part.use == REGULARISATION and part.whole for part in parts), (len(digests) - len(held)) // 2
    if plan.regular_half and halves[0] < halves[1]:
        left.append(_less_than_half(*halves))
    written = Written(plan.folder, read_manifest(plan.folder))
    uses: Counter[str] = Counter()
    archive = None

    def put_all() -> None:
        for file in listed(files(studio, digests, parts, left, plan.wording), plan.form):
            written.put(file)
            uses[file.use] += 1
            done = sum(uses[use] for use in USES)
            if file.use and done % PORTION == 0:
                written.note(MANIFEST, _said(plan), written.so_far())
            progress(done, len(parts))

    with writing_to(plan.folder):
        written.note(MANIFEST, _said(plan), written.so_far())
        try:
            put_all()
            left[:0] = _without_caption(left, plan, parts)
            if plan.form != "imagefolder":
                _write_dataset_file(plan, parts, written.rows, keep_tokens, picks_lines)
                written.take_over(DATASET, _made("dataset"))
            written.remove_others(spared=plan.archive if plan.zipped else "")
            archive = _zip(plan, written)
        except BaseException:  # stopped, or no room: what is written is known when it is done again
            written.note(MANIFEST, _said(plan), written.so_far())
            raise
        written.note(MANIFEST, _said(plan), written.rows)
    progress(1, 1)

    def folder(name: str) -> Path | None:
        return plan.folder / name if any(place.startswith(f"{name}/") for place in written.rows) else None

    return Exported(
        plan.folder / TRAIN, folder(VALIDATION), folder(REGULARISATION), folder(MASKS), uses[TRAIN], uses[VALIDATION],
        uses[REGULARISATION], written.counts["written"], written.counts["unchanged"], written.counts["removed"],
        (*left, *written.left),
        plan.folder / DATASET if plan.form in ("JSON", "JSONL") else None, archive, keep_tokens, picks_lines,
    )  # fmt: skip


def _zip(plan: Plan, written: Written) -> Path | None:
    """Write the zip file if one is asked for, unless there is one that no export has written."""
    path = plan.folder / plan.archive
    if not plan.zipped:
        return None
    if exists(path) and not written.is_there(plan.archive):
        written.leave(plan.archive)
        return None
    with write_whole(path) as temporary:
        write_archive(temporary, plan.folder, written.rows)
    written.take_over(plan.archive, _made("zip"))
    return path


def _said(plan: Plan) -> Row:
    """What stands in the list of files before them."""
    return {
        "name": plan.name, "repeats": plan.repeats, "held_out": plan.held_out, "seed": plan.seed, "whole": plan.whole,
        "boxes": plan.boxes, "form": plan.form, "captions": plan.wording,
        "by_folder": plan.by_folder, "own_repeats": plan.own_repeats, "regular_half": plan.regular_half,
    }  # fmt: skip


def _write_dataset_file(
    plan: Plan, parts: Sequence[Piece], written: Mapping[str, Any], keep_tokens: int, picks_lines: bool
) -> None:
    """Write the dataset file, whose paths are relative to it."""
    masked = {place.split("/")[1] for place in written if place.startswith(f"{MASKS}/")}
    folders = {piece.folder: piece for piece in parts if piece.use != VALIDATION}
    subsets = [_subset(folder, piece, masked, plan) for folder, piece in folders.items()]
    for subset in subsets:
        if keep_tokens and not subset.get("is_reg"):
            subset["keep_tokens"] = keep_tokens  # has an effect only where tags are shuffled or dropped
        if picks_lines:
            subset["enable_wildcard"] = True
    tables = {"datasets": [{"subsets": subsets}]}
    validates = any(piece.use == VALIDATION for piece in parts)
    heading = "# Written by the Data tab. Held-out pictures are in validation/.\n" if validates else ""
    write_text(plan.folder / DATASET, heading + dump_tables(tables))


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


def _made(operation: str) -> Row:
    """The row of a file that is made of the export as a whole."""
    return {"source": "", "digest": "", "operations": [operation]}


def read_manifest(folder: Path) -> dict[str, Row]:
    """The files of an earlier export by their places; what no export can have written does not count."""
    return {place: row for place, row in read_list(folder / MANIFEST).items() if _is_ours(place)}


def _is_ours(place: str) -> bool:
    """Whether an export may have written this: below one of its folders, the dataset file, or the zip file."""
    first, *below = place.split("/")
    if below:
        return first in (*USES, MASKS)
    return first == DATASET or (first.endswith(".zip") and not first.startswith("."))


def _without_caption(left: Sequence[Problem], plan: Plan, parts: Sequence[Piece]) -> list[Problem]:
    """What becomes of the pictures whose captions cannot be read, if there are any among what was left."""
    unread = [one for one in left if one.code in UNREAD]
    if not unread:
        return []
    file = Path(unread[0].params["path"]).name
    if plan.form != "folders":
        return [
            problem(
                "export_listed_without_caption",
                "Exported without a caption, because it cannot be read: {count} pictures, for example that of {file}. "
                "They are trained without one.",
                count=len(unread), file=file,
            )
        ]  # fmt: skip
    return [
        problem(
            "export_without_caption",
            "Exported without a caption, because it cannot be read: {count} pictures, for example that of {file}. The "
            "training uses the word of their folder instead, such as {word}.",
            count=len(unread), file=file, word=parts[0].name,
        )
    ]  # fmt: skip


def _fewer(wanted: int, held: int) -> Problem:
    return problem(
        "export_held_fewer",
        "Held out: {held}, not {wanted}. Near-duplicates stay together, and at least one picture has to be trained on.",
        wanted=wanted, held=held,
    )


def _less_than_half(count: int, wanted: int) -> Problem:
    return problem(
        "export_less_than_half",
        "Regularisation pictures: {count}, not {wanted}. Near-duplicates stay together in one half.",
        count=count, wanted=wanted,
    )  # fmt: skip

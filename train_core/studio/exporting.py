"""Export of chosen pictures as folders to train on: copies with captions, a dataset file, and a list of what is what.

What an earlier export wrote and nobody has changed is written again only if it differs, and removed when it is no
longer wanted; whatever else lies in the folder is never touched.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.existing import exists, is_file
from train_core.config.file_names import refused_name
from train_core.config.problems import Problem, UserError, cause_of, problem, raise_if_any
from train_core.config.tables import dump_tables
from train_core.config.untrusted import text_of
from train_core.config.whole_files import write_text, write_whole
from train_core.facts.images.image_files import IMAGE_ENDINGS
from train_core.facts.models.thumbnails import whole_picture
from train_core.studio import captions
from train_core.studio.holding_out import hold_out
from train_core.studio.studio import Studio

MANIFEST, DATASET = "manifest.json", "dataset.toml"
TRAIN, VALIDATION = "train", "validation"
VERSION = 1
MOST_REPEATS, LONGEST_NAME = 10_000, 100
WANTED = 200  # pictures times repeats that the tutorials come to: 30 x 7
MOST_PROPOSED = 40
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """What is asked for: the folder to write, the words that name the subject, repeats, and what is held out."""

    folder: Path
    name: str
    repeats: int
    held_out: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Exported:
    """What an export has done: pictures to train on and for validation, files written and removed, what was left."""

    train: Path
    validation: Path | None
    trained: int
    held_out: int
    written: int
    unchanged: int
    removed: int
    left: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _File:
    """A file of the export: its place below the folder, its bytes, and what they are made from."""

    place: str
    content: bytes
    source: Path
    digest: str
    operations: tuple[str, ...] = ()


def proposed_repeats(count: int) -> int:
    """The repeats with which `count` pictures come to some 200 in an epoch."""
    return max(1, min(MOST_PROPOSED, round(WANTED / count))) if count else 1


def export(studio: Studio, ids: Sequence[int], plan: Plan, groups: Sequence[Sequence[int]] = (),
           progress: Progress = lambda done, total: None) -> Exported:  # fmt: skip
    """Write the pictures `ids` and their captions below the plan's folder.

    `groups` are near-duplicates, which are not divided between training and validation. Raises UserError for a name or
    a folder that cannot be, without pictures, and where nothing can be written.
    """
    _check(studio, ids, plan)
    digests = studio.identify(ids)
    held = set(hold_out(digests, groups, plan.held_out, plan.seed)) if plan.held_out else set()
    before = _manifest(plan.folder)
    left = [_fewer(plan.held_out, len(held))] if len(held) < plan.held_out else []
    written: dict[str, dict[str, Any]] = {}
    counts = {"written": 0, "unchanged": 0}
    try:
        _note(plan, before)  # so that an export that is killed can be done again
        for number, file in enumerate(_files(studio, digests, held, plan, left), 1):
            state = _put(plan.folder, file, before.get(file.place), left)
            counts[state] = counts.get(state, 0) + 1
            if state != "left":
                written[file.place] = _row(file)
            progress(number, 2 * len(digests))
        removed = _remove(plan.folder, {place: row for place, row in before.items() if place not in written}, left)
        _note(plan, written)
        _write_dataset_file(plan, bool(held))
    except OSError as error:
        raise _not_written(plan.folder, error) from error
    progress(1, 1)
    return Exported(
        plan.folder / TRAIN, plan.folder / VALIDATION if held else None, len(digests) - len(held), len(held),
        counts["written"], counts["unchanged"], removed, tuple(left),
    )  # fmt: skip


def _check(studio: Studio, ids: Sequence[int], plan: Plan) -> None:
    found = []
    name = plan.name
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        found.append(
            problem("export_name", "The name {name} cannot be that of a folder. Use a word or two.", name=name)
        )
    elif (refused := refused_name(name)) is not None or name[-1] in ". ":
        reason = refused or name
        found.append(problem("export_name_refused", "The name cannot be that of a folder: {reason}.", reason=reason))
    if not 1 <= plan.repeats <= MOST_REPEATS:
        found.append(problem("export_repeats", "Repeats have to be from 1 to {most}.", most=MOST_REPEATS))
    if not ids:
        found.append(problem("export_nothing", "No picture is kept. Mark the pictures to train on with K first."))
    inside = [one for one in studio.dataset.sources if plan.folder == one or plan.folder.is_relative_to(one)]
    if inside:
        found.append(
            problem(
                "export_inside",
                "{folder} lies within the folder of the pictures, where copies would be shown as new pictures. Choose "
                "a folder elsewhere.",
                folder=str(plan.folder),
            )
        )
    elif exists(plan.folder) and not is_file(plan.folder / MANIFEST) and not _is_empty(plan.folder):
        found.append(
            problem(
                "export_not_empty",
                "{folder} holds other files. Choose a folder that is empty or new, or one that was exported to before.",
                folder=str(plan.folder),
            )
        )
    raise_if_any(found)


def _is_empty(folder: Path) -> bool:
    try:
        return next(folder.iterdir(), None) is None
    except OSError:
        return False


def _files(
    studio: Studio, digests: Mapping[int, str], held: set[int], plan: Plan, left: list[Problem]
) -> Iterator[_File]:
    """Every picture and caption of the export, under names that no two pictures share."""
    taken: set[str] = set()
    for id, digest in digests.items():
        path = studio.pictures[id].path
        folder = f"{VALIDATION}/1_{plan.name}" if id in held else f"{TRAIN}/{plan.repeats}_{plan.name}"
        stem = _free_name(path.stem, taken)
        try:
            content, ending, operations = _content(path)
        except Exception as error:  # Pillow's decoders raise whatever they like on broken files
            left.append(_unreadable(path, error))
            continue
        yield _File(f"{folder}/{stem}{ending}", content, path, digest, operations)
        caption = captions.read(captions.caption_file(path))
        if caption.problem is not None:
            left.append(caption.problem)
        elif caption.whole is not None:
            yield _File(f"{folder}/{stem}.txt", caption.whole.encode(), captions.caption_file(path), digest)


def _content(path: Path) -> tuple[bytes, str, tuple[str, ...]]:
    """The bytes to train on, the name's ending, and what was done to them: what cannot be trained on becomes PNG."""
    ending = path.suffix.lower()
    if ending in IMAGE_ENDINGS:
        return path.read_bytes(), ending, ()
    content = io.BytesIO()
    whole_picture(path).save(content, "PNG")
    return content.getvalue(), ".png", ("png",)


def _free_name(stem: str, taken: set[str]) -> str:
    """`stem` as a name that every system has, with a number if another picture has it."""
    plain = "".join("_" if refused_name(letter) or not letter.isprintable() else letter for letter in stem)
    plain = plain.strip(" .")[:LONGEST_NAME] or "picture"
    plain = f"_{plain}" if refused_name(plain) or plain.startswith(".") else plain
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain}_{number}"
    taken.add(name.casefold())
    return name


def _put(folder: Path, file: _File, before: Mapping[str, Any] | None, left: list[Problem]) -> str:
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


def _remove(folder: Path, rows: Mapping[str, Mapping[str, Any]], left: list[Problem]) -> int:
    """Remove what an earlier export wrote and this one does not want, unless somebody has changed it."""
    removed = 0
    for place, row in rows.items():
        path = folder / place
        if not is_file(path):
            continue
        if row.get("written") != _sum(path.read_bytes()):
            left.append(_foreign(path))
            continue
        path.unlink()
        removed += 1
        if _is_empty(path.parent) and path.parent != folder:
            path.parent.rmdir()
    return removed


def _note(plan: Plan, files: Mapping[str, dict[str, Any]]) -> None:
    """Write the list of files."""
    said = {
        "version": VERSION, "name": plan.name, "repeats": plan.repeats, "held_out": plan.held_out, "seed": plan.seed,
        "files": files,
    }  # fmt: skip
    write_text(plan.folder / MANIFEST, json.dumps(said, indent=1) + "\n")


def _write_dataset_file(plan: Plan, validates: bool) -> None:
    """Write the dataset file, whose paths are relative to it."""
    subset = {
        "image_dir": f"{TRAIN}/{plan.repeats}_{plan.name}", "num_repeats": plan.repeats, "class_tokens": plan.name,
        "caption_extension": ".txt",
    }  # fmt: skip
    tables = {"datasets": [{"subsets": [subset]}]}
    heading = "# Written by the Data tab. Held-out pictures are in validation/.\n" if validates else ""
    write_text(plan.folder / DATASET, heading + dump_tables(tables))


def _row(file: _File) -> dict[str, Any]:
    return {
        "source": str(file.source), "digest": file.digest, "operations": list(file.operations),
        "written": _sum(file.content),
    }  # fmt: skip


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
        if isinstance(row, dict) and place.startswith((f"{TRAIN}/", f"{VALIDATION}/")) and ".." not in place.split("/")
    }  # fmt: skip


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


def _unreadable(path: Path, error: Exception) -> Problem:
    return problem(
        "export_unreadable", "{file} cannot be read ({reason}) and is left out.", file=str(path), reason=cause_of(error)
    )


def _not_written(folder: Path, error: OSError) -> UserError:
    return UserError(
        problem(
            "export_not_written", "Nothing can be written to {folder} ({reason}). Free some space, or choose another "
            "folder.", folder=str(folder), reason=cause_of(error),
        )
    )  # fmt: skip

"""Metadata files: captions and tags of many images in one JSON or JSONL file, as kohya's scripts write it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.existing import is_file
from train_core.config.paths import absolute_path
from train_core.config.phrases import phrase
from train_core.config.places import real_path
from train_core.config.problems import Problem, UserError, cause_of, problem
from train_core.config.untrusted import DATA_BYTES, json_of, reason_of, text_of
from train_core.facts.datasets.folders import ImageFile, ImageFolder, Survey, image_sizes
from train_core.facts.images.image_files import IMAGE_ENDINGS, is_image

_FIELDS = ("caption", "tags", "image_size", "train_resolution")


@dataclass(frozen=True)
class Record:
    """One image's record in the file. `key` is its path as written; `size` is (width, height) if given."""

    key: str
    caption: str
    tags: str
    size: tuple[int, int] | None


def read_metadata(path: Path, image_dir: Path | None, repeats: int, separator: str) -> Survey:
    """The images that the metadata file `path` lists, as one folder; problems are gathered, none is raised.

    Relative keys start at `image_dir`, without one at the file's own folder, and may lack the image's ending. A caption
    is followed by `separator` and the tags, on every line of it. Sizes are those of the image files: the file's own are
    only compared with them.
    """
    try:
        found_records, problems = records(path)
    except UserError as error:
        return Survey((), error.problems, ())
    found = {record.key: find_image(record.key, image_dir or real_path(path).parent) for record in found_records}
    problems += _absent(path, [key for key, image in found.items() if image is None], len(found_records))
    sizes, unreadable = image_sizes([image for image in found.values() if image is not None])
    there = [(record, image) for record in found_records if (image := found[record.key]) in sizes and image is not None]
    images = tuple(
        ImageFile(image, None, sizes[image], caption_of(record, separator), record.tags) for record, image in there
    )
    warnings = [*_other_sizes(path, there, sizes), *_no_captions(path, [record for record, _ in there])]
    return Survey((ImageFolder(path, repeats, "", images),), (*problems, *unreadable), tuple(warnings))


def records(path: Path) -> tuple[list[Record], list[Problem]]:
    """The entries of the file, and those that are none. Raises UserError if it cannot be read at all.

    A line of an imagefolder, with `file_name` and `text`, is one as well.
    """
    try:
        text = text_of(path, DATA_BYTES)
        entries = list(_lines(path, text) if path.suffix.lower() == ".jsonl" else _object(path, text))
    except OSError as error:
        raise UserError(_unusable(path, cause_of(error))) from None
    except ValueError as error:  # neither UTF-8 nor JSON
        raise UserError(_unusable(path, reason_of(error))) from None
    found, problems = [], []
    for key, fields in entries:
        record = _record(key, fields)
        if record is None:
            problems.append(_bad_entry(path, key))
        else:
            found.append(record)
    return found, problems if entries else [_unusable(path, phrase("metadata_no_images", "it lists no images"))]


def _object(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    content = json_of(text)
    if not isinstance(content, dict):
        reason = phrase("metadata_not_an_object", "expected one object whose keys are the images' paths")
        raise UserError(_unusable(path, reason))
    yield from content.items()


def _lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            content = json_of(line)
        except ValueError as error:
            reason = phrase("metadata_line", "line {number}: {error}", number=number, error=reason_of(error))
            raise UserError(_unusable(path, reason)) from None
        key = content.pop("image_path", content.get("file_name")) if isinstance(content, dict) else None
        if not isinstance(key, str):
            reason = phrase("metadata_line_without_image", "line {number} has no image_path", number=number)
            raise UserError(_unusable(path, reason))
        yield key, content


def _record(key: str, fields: Any) -> Record | None:
    """The record of one image, or None if a field is not what it should be."""
    if not isinstance(fields, dict):
        return None
    caption, tags, size, _ = (fields.get(name) for name in _FIELDS)
    caption = fields.get("text") if caption is None and "file_name" in fields else caption
    tags = ", ".join(tags) if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) else tags
    if size is not None and not (isinstance(size, list) and len(size) == 2 and all(type(side) is int for side in size)):
        return None
    if not all(text is None or isinstance(text, str) for text in (caption, tags)):
        return None
    return Record(key, (caption or "").strip(), (tags or "").strip(), (size[0], size[1]) if size else None)


def find_image(key: str, folder: Path) -> Path | None:
    """The image that `key` names; older files leave its ending out."""
    path = absolute_path(key, folder)
    if is_image(path):
        return path if is_file(path) else None
    candidates = (path.with_name(path.name + ending) for ending in sorted(IMAGE_ENDINGS))
    return next((candidate for candidate in candidates if is_file(candidate)), None)


def caption_of(record: Record, separator: str) -> str:
    """The record's caption, each line of it followed by `separator` and the tags."""
    if not record.tags:
        return record.caption
    lines = [line.strip() for line in record.caption.splitlines() if line.strip()]
    return "\n".join(f"{line}{separator}{record.tags}" for line in lines) or record.tags


def _unusable(path: Path, reason: str) -> Problem:
    return problem(
        "metadata_file_unreadable",
        "The metadata file {path} cannot be used: {reason}. It should be JSON like {example}, or JSONL with one object "
        "per line that also has image_path.",
        path=str(path), reason=reason, example='{"a.png": {"caption": "a dog", "tags": "grass"}}',
    )


def _bad_entry(path: Path, key: str) -> Problem:
    return problem(
        "metadata_entry_wrong",
        "{key} in {path} is not valid: caption and tags must be text, and image_size a list of width and height. "
        "Correct the entry.",
        key=key, path=str(path),
    )


def _absent(path: Path, keys: list[str], total: int) -> list[Problem]:
    if not keys:
        return []
    return [
        problem(
            "metadata_images_absent",
            "{count} of the {total} images in {path} do not exist, for example {example}. Set train_data_dir "
            "(image_dir in a dataset file) to the folder that its paths start from, or remove them from the file.",
            count=len(keys), total=total, path=str(path), example=keys[0],
        )
    ]


def _other_sizes(
    path: Path, there: list[tuple[Record, Path]], sizes: dict[Path, tuple[int, int]]
) -> list[Problem]:
    """A warning where the file's sizes are no longer the images'. One turned by its EXIF data counts as equal."""
    wrong = [image for record, image in there if record.size and sorted(record.size) != sorted(sizes[image])]
    if not wrong:
        return []
    return [
        problem(
            "metadata_sizes_differ",
            "{count} images are not the size that {path} gives, for example {example}. Their actual sizes are used.",
            count=len(wrong), path=str(path), example=str(wrong[0]),
        )
    ]


def _no_captions(path: Path, records: list[Record]) -> list[Problem]:
    empty = [record.key for record in records if not record.caption and not record.tags]
    if not empty:
        return []
    return [
        problem(
            "metadata_without_captions",
            "{count} images in {path} have neither caption nor tags, for example {example}. They are trained without a "
            "caption.",
            count=len(empty), path=str(path), example=empty[0],
        )
    ]

"""Measures of all pictures of a folder, which the Data tab then filters by; and which of them are near-duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from train_core.config.jobs.pictures import MeasurePictures
from train_core.facts.images.image_files import ImageHeader, content_hashes
from train_core.studio import cropped
from train_core.studio.dataset import pictures_in
from train_core.studio.likeness.alike import Group, groups
from train_core.studio.looking import name_below, no_picture_in
from train_core.studio.measures import AT_ONCE, Measures, measured, percentiles
from train_core.workshop.common.report import Report

MOST_ROWS = 50  # of a table


def run(config: MeasurePictures, report: Report) -> None:
    """Measure what is not measured yet, portion by portion, so that a stopped tool goes on where it was."""
    folder = Path(config.measure_pictures.pictures)
    paths, heads = pictures_in(folder)
    readable = list(heads)
    if len(readable) < len(paths):
        report.warning(no_picture_in([path for path in paths if path not in heads]))
    progress = report.stage("measuring")
    found: dict[Path, Measures] = {}
    for start in range(0, len(readable), AT_ONCE):
        portion = readable[start : start + AT_ONCE]
        content_hashes(portion)  # by which decisions about them are known
        found |= measured(portion)
        progress(min(start + AT_ONCE, len(readable)), len(readable))
    parts = _compare(found, heads)
    _tell(folder, found, parts, report)


def _compare(found: dict[Path, Measures], heads: Mapping[Path, ImageHeader]) -> list[tuple[int, int]]:
    """Look for cropped copies and keep them, unless all of these pictures were compared with each other before."""
    paths = list(found)
    digests = content_hashes(paths)
    known = cropped.known_together(paths)
    if known is None:
        pairs = cropped.cropped(list(found.values()), [(heads[path].width, heads[path].height) for path in paths])
        wholes: dict[Path, list[str]] = {path: [] for path in paths}
        for whole, part in pairs:
            wholes[paths[part]].append(digests[paths[whole]])
        cropped.keep(wholes, digests.values())
        return pairs
    place = {digests[path]: number for number, path in enumerate(paths)}
    return [
        (place[digest], number) for number, path in enumerate(paths) for digest in known[path] if digest in place
    ]


def _tell(folder: Path, found: dict[Path, Measures], parts: list[tuple[int, int]], report: Report) -> None:
    paths = list(found)
    shares = percentiles(one.sharpness for one in found.values())
    rows = sorted(zip(shares, paths, strict=True))[:MOST_ROWS]
    report.table(
        "pictures", ("picture", "sharper_than", "brightness"),
        [(name_below(path, folder), share, round(100 * found[path].brightness)) for share, path in rows],
    )  # fmt: skip
    near = groups(found.values(), parts)
    if near:
        report.table(
            "near_duplicates", ("likeness", "pictures"),
            [(group.kind, _names(group, paths, folder)) for group in near[:MOST_ROWS]],
        )  # fmt: skip


def _names(group: Group, paths: list[Path], folder: Path) -> str:
    return " · ".join(name_below(paths[place], folder) for place in group.members)

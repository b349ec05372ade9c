"""The kept pictures of a dataset exported as folders to train on, as the Data tab's Export does it."""

from __future__ import annotations

from pathlib import Path

from train_core.config.jobs.pictures import ExportDataset
from train_core.config.problems import problem
from train_core.studio.decisions import KEEP
from train_core.studio.exporting.export import Exported, export_kept
from train_core.studio.exporting.plan import Plan, proposed_repeats
from train_core.studio.listing import Listing
from train_core.studio.measures import AT_ONCE, measured
from train_core.workshop.common.describing import opened
from train_core.workshop.common.report import Report


def run(config: ExportDataset, report: Report) -> None:
    """Measure what near-duplicates are known by where pictures are held out, and export."""
    settings = config.export_dataset
    listing = Listing(opened(settings.pictures, report))
    if settings.export_held_out:
        _measure(listing, report)
    repeats = settings.export_repeats or proposed_repeats(listing.counts()[KEEP])
    plan = Plan(
        Path(settings.export_folder), settings.export_name, repeats, settings.export_held_out, settings.export_seed,
        settings.export_whole, settings.export_boxes, settings.export_form, settings.export_zip,
    )  # fmt: skip
    _tell(export_kept(listing, plan, report.stage("exporting")), plan, report)


def _measure(listing: Listing, report: Report) -> None:
    paths = [picture.path for picture in listing.studio.pictures.values()]
    progress = report.stage("measuring")
    for start in range(0, len(paths), AT_ONCE):
        measured(paths[start : start + AT_ONCE])
        progress(min(start + AT_ONCE, len(paths)), len(paths))


def _tell(done: Exported, plan: Plan, report: Report) -> None:
    for found in done.left:
        report.warning(found)
    parts = {"train": done.trained, "validation": done.held_out, "reg": done.regular}
    report.table("exported", ("folder", "pictures"), [row for row in parts.items() if row[1]])
    report.notice(
        problem(
            "export_done",
            "Exported to {folder}. Files written: {written}, unchanged: {unchanged}, removed: {removed}.",
            folder=str(plan.folder), written=done.written, unchanged=done.unchanged, removed=done.removed,
        )
    )  # fmt: skip

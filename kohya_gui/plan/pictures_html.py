"""The images of a run: each folder with its repeats and a few thumbnails, and the buckets as a bar chart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.plan.plan import Plan
from kohya_gui.plan.words import percent_text
from kohya_gui.views.markup import joined
from train_core.facts.datasets.subsets import Subset
from train_core.facts.images.bucket_chart import Bar, BucketChart

THUMBNAILS = 6  # of one folder
MOST_FOLDERS = 12
Pictures = Callable[[Path], str]  # the address that shows a picture


def folders_html(plan: Plan, language: str, pictures: Pictures | None = None) -> Markup:
    """A line for each folder, with thumbnails where `pictures` says where to find them; nothing without images."""
    if not plan.subsets:
        return Markup("")
    shown, rest = plan.subsets[:MOST_FOLDERS], plan.subsets[MOST_FOLDERS:]
    more = Markup('<div class="plan-more">{}</div>').format(
        text("ui.plan.folders.more", language, count=len(rest))
    ) if rest else ""  # fmt: skip
    return Markup('<div class="plan-folders">{}{}</div>').format(
        joined(_folder(one, language, pictures) for one in shown), more
    )


def _folder(one: Subset, language: str, pictures: Pictures | None) -> Markup:
    key = "ui.plan.folder.reg" if one.is_reg else "ui.plan.folder"
    counts = text(
        key, language, images=f"{len(one.folder.images):,}", repeats=one.folder.repeats, samples=f"{one.samples:,}"
    )
    return Markup('<div class="plan-folder"><b title="{path}">{name}</b><span>{counts}</span>{thumbs}</div>').format(
        path=one.folder.path, name=one.folder.path.name, counts=counts, thumbs=_thumbnails(one, pictures),
    )  # fmt: skip


def _thumbnails(one: Subset, pictures: Pictures | None) -> Markup:
    if pictures is None:
        return Markup("")
    images = joined(
        Markup('<img src="{}" alt="{}" title="{}" loading="lazy">').format(
            pictures(image.path), image.path.name, image.path.name
        )
        for image in one.folder.images[:THUMBNAILS]
    )  # fmt: skip
    return Markup('<div class="plan-thumbs">{}</div>').format(images)


def buckets_html(chart: BucketChart, language: str) -> Markup:
    """The buckets from the tallest to the widest: one bar each, as high as an epoch sees images in it."""
    highest = max(bar.samples for bar in chart.bars) or 1
    bars = joined(
        Markup('<i style="height:{}%" title="{}"></i>').format(
            max(4, round(100 * bar.samples / highest)), _bar_text(bar, language)
        )
        for bar in chart.bars
    )  # fmt: skip
    return Markup(
        '<div class="plan-bars" role="img" aria-label="{label}">{bars}</div>'
        '<div class="plan-axis"><span>{first}</span><span>{last}</span></div>'
    ).format(
        label="; ".join(_bar_text(bar, language) for bar in chart.bars), bars=bars,
        first=_size_text(chart.bars[0]), last=_size_text(chart.bars[-1]) if len(chart.bars) > 1 else "",
    )  # fmt: skip


def cropped_text(chart: BucketChart, language: str) -> str:
    """Number of sizes, and how much is cropped."""
    key = "ui.plan.buckets.note" if chart.cropped_most >= 0.005 else "ui.plan.buckets.whole"
    return text(
        key, language, count=len(chart.bars), cropped=percent_text(chart.cropped), most=percent_text(chart.cropped_most)
    )


def _size_text(bar: Bar) -> str:
    return f"{bar.size[0]} × {bar.size[1]}"


def _bar_text(bar: Bar, language: str) -> str:
    return text("ui.plan.bucket", language, size=_size_text(bar), images=bar.images, samples=bar.samples)

"""The table of what a run sees in an epoch, folder by folder, for runs that have more than one kind of images."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import joined
from train_core.facts.datasets.subsets import Subset

COLUMNS = ("folder", "kind", "images", "seen", "resolution", "batch")


def sources_html(subsets: Sequence[Subset], batch_size: int, language: str) -> Markup:
    """One row for each folder or metadata file; nothing for plain training folders, which the step line covers."""
    if not any(one.is_reg or one.dataset or one.batch_size for one in subsets):
        return Markup("")
    head = joined(Markup("<th>{}</th>").format(text(f"ui.sources.{column}", language)) for column in COLUMNS)
    rows = joined(_row(one, batch_size, language) for one in subsets)
    return Markup('<table id="sources" class="sources"><tr>{}</tr>{}</table>').format(head, rows)


def _row(one: Subset, batch_size: int, language: str) -> Markup:
    path = one.folder.path
    cells = (
        Markup('<span title="{}">{}</span>').format(path, path.name),
        text("ui.sources.regularisation" if one.is_reg else "ui.sources.training", language),
        f"{len(one.folder.images):,}", f"{one.samples:,}",
        one.settings.dataset.resolution.replace(",", " × "), f"{one.batch_size or batch_size:,}",
    )  # fmt: skip
    return Markup("<tr>{}</tr>").format(joined(Markup("<td>{}</td>").format(cell) for cell in cells))

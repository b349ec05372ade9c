"""The table of what a run sees in an epoch, folder by folder, for runs that have more than one kind of images."""

from __future__ import annotations

import html
from collections.abc import Sequence

from kohya_gui.i18n.messages import text
from train_core.facts.datasets.subsets import Subset

COLUMNS = ("folder", "kind", "images", "seen", "resolution", "batch")


def sources_html(subsets: Sequence[Subset], batch_size: int, language: str) -> str:
    """One row for each folder or metadata file; nothing for plain training folders, of which the step line says all."""
    if not any(one.is_reg or one.dataset or one.batch_size for one in subsets):
        return ""
    head = "".join(f"<th>{html.escape(text(f'ui.sources.{column}', language))}</th>" for column in COLUMNS)
    rows = "".join(_row(one, batch_size, language) for one in subsets)
    return f'<table id="sources" class="sources"><tr>{head}</tr>{rows}</table>'


def _row(one: Subset, batch_size: int, language: str) -> str:
    kind = text("ui.sources.regularisation" if one.is_reg else "ui.sources.training", language)
    path = html.escape(str(one.folder.path), quote=True)
    cells = (
        f'<span title="{path}">{html.escape(one.folder.path.name)}</span>', html.escape(kind),
        f"{len(one.folder.images):,}", f"{one.samples:,}",
        html.escape(one.settings.dataset.resolution.replace(",", " × ")), f"{one.batch_size or batch_size:,}",
    )  # fmt: skip
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"

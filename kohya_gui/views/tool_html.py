"""A tool's run drawn as HTML: its progress, its messages, and the tables of what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kohya_gui.i18n.messages import dictionary, say, text
from kohya_gui.runs.follow import RunView
from kohya_gui.runs.registry import ACTIVE
from kohya_gui.views.markup import joined
from kohya_gui.views.run_html import bar_html, messages_html, newest_pictures_html, stage_html
from train_core.config.jobs.table import tools
from train_core.config.phrases import from_plain
from train_core.events.kinds import Table

BARS = ("norm", "kept", "cosine", "count")  # columns whose numbers are shown as bars too
SHARES = ("kept", "cosine")  # whose whole is 1


def tool_html(view: RunView | None, pictures_path: str, language: str) -> Markup:
    """HTML of a tool at work."""
    if view is None:
        return Markup('<div class="run-empty">{}</div>').format(text("ui.tool.none", language))
    return Markup(
        '<div class="run-head"><b>{title}</b> <span class="badge {status}" id="tool-state">{status_name}</span>'
        "{stage}{look}</div>{bar}{messages}{pictures}{saved}{tables}"
    ).format(
        title=text(f"job.{view.job}.title", language) if view.job else "",
        status=view.status,
        status_name=text(f"ui.status.{view.status}", language),
        stage=stage_html(view, language),
        look=Markup(' <button type="button" class="small" data-grids>{}</button>').format(
            text("ui.evaluate.look", language)
        ) if view.job in _grid_tools() and view.samples else "",
        bar=bar_html(view) if view.status in ACTIVE else "",
        messages=messages_html(view, language),
        pictures=newest_pictures_html(view, pictures_path, language) if view.samples else "",
        saved=joined(_saved(one.path, language) for one in view.saved),
        tables=joined(table_html(table, language) for table in view.tables),
    )


def _grid_tools() -> set[str]:
    """The tools whose pictures are looked at beside their forms."""
    return {row.name for row in tools() if row.grid}


def _saved(path: Path, language: str) -> Markup:
    label = text("ui.run.saved", language)
    return Markup('<div class="run-note result"><span>{}</span><code>{}</code></div>').format(label, path)


def table_html(table: Table, language: str) -> Markup:
    """A table with its heading; numbers of some columns have bars, which makes a chart of it."""
    head = joined(Markup("<th>{}</th>").format(_named("column", column, language)) for column in table.columns)
    whole = {column: _largest(table, place) for place, column in enumerate(table.columns) if column in BARS}
    rows = joined(_row(row, table.columns, whole, language) for row in table.rows)
    return Markup(
        '<details open class="tool-table" id="table-{name}"><summary>{title}</summary>'
        '<div class="scrolled"><table class="sources"><tr>{head}</tr>{rows}</table></div></details>'
    ).format(name=table.name, title=_named("table", table.name, language), head=head, rows=rows)


def _row(row: Sequence[Any], columns: Sequence[str], whole: Mapping[str, float], language: str) -> Markup:
    cells = (_cell(value, column, whole, language) for value, column in zip(row, columns, strict=True))
    return Markup("<tr>{}</tr>").format(joined(Markup("<td>{}</td>").format(cell) for cell in cells))


def _cell(value: Any, column: str, whole: Mapping[str, float], language: str) -> Markup | str:
    """A value; `whole` is the value of a full bar, by column."""
    if column in whole and isinstance(value, int | float):
        share = min(1.0, abs(value) / whole[column]) if whole[column] else 0.0
        bar = '<span class="cell-bar"><i style="width:{:.0f}%"></i></span> {:g}'
        return Markup(bar).format(share * 100, value)
    if isinstance(value, float):
        return f"{value:g}"
    return _named("fact", str(value), language) if column == "fact" else str(say(from_plain(value), language))


def _largest(table: Table, place: int) -> float:
    """Value of a full bar: 1 for shares, else the largest number; sums over all blocks do not count."""
    if table.columns[place] in SHARES:
        return 1.0
    rows = [row for row in table.rows if row[0] != "all"]
    return max((abs(row[place]) for row in rows if isinstance(row[place], int | float)), default=0.0)


def _named(kind: str, name: str, language: str) -> str:
    """The name of a table, column or fact in the language; its own, where a later version made it."""
    key = f"ui.{kind}.{name}"
    return text(key, language) if key in dictionary(language) else name

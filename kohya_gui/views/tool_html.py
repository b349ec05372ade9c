"""A tool's work drawn as HTML: how far it is, what it says, and the tables of what it found."""

from __future__ import annotations

import html
from typing import Any

from kohya_gui.i18n.messages import dictionary, text
from kohya_gui.runs.follow import RunView
from kohya_gui.runs.registry import ACTIVE
from kohya_gui.views.run_html import bar_html, messages_html, stage_html
from train_core.events.kinds import Table

BARS = ("norm", "kept", "cosine", "count")  # columns whose numbers are shown as bars too
SHARES = ("kept", "cosine")  # whose whole is 1


def tool_html(view: RunView | None, language: str) -> str:
    """Everything that the page shows of a tool."""
    if view is None:
        return f'<div class="run-empty">{_ui("ui.tool.none", language)}</div>'
    title = _ui(f"section.{view.job}.title", language) if view.job else ""
    saved = "".join(
        f'<div class="note result"><span>{_ui("ui.run.saved", language)}</span><code>{html.escape(str(one.path))}'
        "</code></div>" for one in view.saved
    )
    tables = "".join(table_html(table, language) for table in view.tables)
    return (
        f'<div class="run-head"><b>{title}</b> <span class="badge {view.status}" id="tool-state">'
        f"{_ui(f'ui.status.{view.status}', language)}</span>{stage_html(view, language)}</div>"
        f"{bar_html(view) if view.status in ACTIVE else ''}{messages_html(view, language)}{saved}{tables}"
    )


def table_html(table: Table, language: str) -> str:
    """A table with its heading; numbers of some columns have bars, which makes a chart of it."""
    head = "".join(f"<th>{_named('column', column, language)}</th>" for column in table.columns)
    whole = {column: _largest(table, place) for place, column in enumerate(table.columns) if column in BARS}
    rows = "".join(
        "<tr>" + "".join(
            f"<td>{_cell(value, column, table, whole, language)}</td>"
            for column, value in zip(table.columns, row, strict=True)
        ) + "</tr>"
        for row in table.rows
    )
    name = html.escape(table.name, quote=True)
    return (
        f'<details open class="tool-table" id="table-{name}"><summary>{_named("table", table.name, language)}</summary>'
        f'<div class="scrolled"><table class="sources"><tr>{head}</tr>{rows}</table></div></details>'
    )


def _cell(value: Any, column: str, table: Table, whole: dict[str, float], language: str) -> str:
    if column in whole and isinstance(value, int | float):
        share = min(1.0, abs(value) / whole[column]) if whole[column] else 0.0
        return f'<span class="cell-bar"><i style="width:{share * 100:.0f}%"></i></span> {value:g}'
    if isinstance(value, float):
        return f"{value:g}"
    if column == "fact":
        return _named("fact", str(value), language)
    return html.escape(str(value))


def _largest(table: Table, place: int) -> float:
    """What a full bar stands for: 1 for shares, else the largest number; sums over all blocks do not count."""
    if table.columns[place] in SHARES:
        return 1.0
    rows = [row for row in table.rows if row[0] != "all"]
    return max((abs(row[place]) for row in rows if isinstance(row[place], int | float)), default=0.0)


def _named(kind: str, name: str, language: str) -> str:
    """The name of a table, column or fact in the language; its own, where a later version made it."""
    key = f"ui.{kind}.{name}"
    return _ui(key, language) if key in dictionary(language) else html.escape(name)


def _ui(key: str, language: str) -> str:
    return html.escape(text(key, language))

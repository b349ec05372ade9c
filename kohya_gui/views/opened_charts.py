"""The charts of an opened run: their frame as HTML, and their lines as assets/opened/charts.js takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.runs.details.curves import OF_D, Curve
from kohya_gui.runs.registry import RunInfo
from kohya_gui.views.markup import joined
from kohya_gui.views.row_parts import option
from kohya_gui.views.run_html import rate_name

# Each chart, and the kinds of curves in it.
CHARTS = {
    "loss": ("loss", "average", "epoch", "validation"), "lr": ("lr",), "d": ("d",), "grad_norm": ("grad_norm",),
    "speed": ("speed",), "memory": ("memory",),
}  # fmt: skip
FAINT, DOTTED = ("loss",), ("epoch", "validation")  # lines behind the others, and lines whose points are marked


def charts_html(others: Sequence[RunInfo], language: str) -> Markup:
    """The frame of the charts, with the runs that may be laid over this one."""
    choices = joined(option(one.id, f"{one.name} · {one.created:%Y-%m-%d %H:%M}", False) for one in others)
    return Markup(
        '<section id="opened-charts"><div class="runs-head"><h3 class="runs-title">{}</h3>'
        '<select id="charts-add" aria-label="{}"><option value="">{}</option>{}</select>'
        '<span id="charts-runs" data-remove="{}"></span><span class="runs-space"></span><span class="soft">{}</span>'
        '</div><div class="charts-grid" id="charts-grid" data-log="{}" data-step="{}"></div>'
        '<p class="runs-empty" id="charts-empty" hidden>{}</p></section>'
    ).format(
        text("ui.charts.title", language), text("ui.charts.add", language), text("ui.charts.add", language), choices,
        text("ui.charts.remove", language), text("ui.charts.how", language), text("ui.charts.log", language),
        text("ui.opened.step", language), text("ui.chart.empty", language),
    )  # fmt: skip


def charts_json(curves: Sequence[Curve], name: str, language: str) -> dict[str, Any]:
    """The charts of a run called `name` that have lines; each line has its steps `x` and its values `y`."""
    return {
        "name": name,
        "charts": [
            {"id": chart, "title": text(f"ui.charts.{chart}", language), "lines": lines}
            for chart, kinds in CHARTS.items()
            if (lines := [_line(curve, language) for curve in curves if curve.kind in kinds])
        ],
    }


def _line(curve: Curve, language: str) -> dict[str, Any]:
    return {
        "label": _label(curve, language), "x": curve.steps, "y": curve.values, "faint": curve.kind in FAINT,
        "dots": curve.kind in DOTTED,
    }  # fmt: skip


def _label(curve: Curve, language: str) -> str:
    if curve.part == OF_D:
        return text("ui.charts.line.d_lr", language)
    return rate_name(curve.part, language) if curve.part else text(f"ui.charts.line.{curve.kind}", language)

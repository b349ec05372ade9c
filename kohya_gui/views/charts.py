"""Line charts as SVG text: nothing to load in the browser, and in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from kohya_gui.views.markup import joined

Point = tuple[float, float]

WIDTH, HEIGHT = 340, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 8, 22


@dataclass(frozen=True)
class Series:
    """One line of a chart. `faint` lines lie behind and leave the colour to their smoothed companion."""

    name: str
    points: Sequence[Point]
    faint: bool = False


def line_chart(title: str, series: Sequence[Series], empty: str) -> Markup:
    """The chart of `series` over the step as an HTML figure; it shows `empty` while there are no points."""
    finite = [replace(line, points=[p for p in line.points if math.isfinite(p[1])]) for line in series]
    drawn = [line for line in finite if line.points]
    return Markup(
        '<figure class="chart"><figcaption><span class="chart-title">{title}</span>'
        "<span>{legend}</span></figcaption>{body}</figure>"
    ).format(
        title=title,
        legend=joined(_legend(number, line) for number, line in enumerate(drawn)),
        body=_svg(drawn) if drawn else Markup('<div class="chart-empty">{}</div>').format(empty),
    )


def _legend(number: int, line: Series) -> Markup:
    last = tick_text(line.points[-1][1])
    return Markup('<span class="key {}">{} <b>{}</b></span>').format(_classes(number, line), line.name, last)


def _classes(number: int, line: Series) -> str:
    return f"line-{number % 4}" + (" faint" if line.faint else "") + (" lone" if len(line.points) == 1 else "")


def _svg(series: Sequence[Series]) -> Markup:
    points = [point for line in series for point in line.points]
    across = _Axis(*_range([x for x, _ in points]), LEFT, WIDTH - RIGHT)
    up = _Axis(*_padded(_range([y for _, y in points])), HEIGHT - BOTTOM, TOP)
    lines = joined(
        Markup('<polyline class="{}" points="{}"/>').format(_classes(number, line), _path(line.points, across, up))
        for number, line in enumerate(series)
    )
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" preserveAspectRatio="xMidYMid meet">{}{}</svg>'
    ).format(WIDTH, HEIGHT, _grid(across, up), lines)


def _path(points: Sequence[Point], across: _Axis, up: _Axis) -> str:
    if len(points) == 1:
        points = [points[0], points[0]]  # with round caps, a line of no length is a dot
    return " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in points)


def _grid(across: _Axis, up: _Axis) -> Markup:
    row = Markup(
        '<line class="grid" x1="{left}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>'
        '<text x="{text_end}" y="{text_at:.1f}" text-anchor="end">{text}</text>'
    )
    rows = joined(
        row.format(left=LEFT, right=WIDTH - RIGHT, text_end=LEFT - 6, at=up.at(y), text_at=up.at(y) + 3.5,
                   text=tick_text(y))
        for y in ticks(up.low, up.high, 4)
    )  # fmt: skip
    columns = joined(
        Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(across.at(x), HEIGHT - 6, tick_text(x))
        for x in ticks(across.low, across.high, 4)
        if x == int(x)
    )
    return rows + columns


@dataclass(frozen=True)
class _Axis:
    """Map of values between `low` and `high` to places between `start` and `end` in the picture."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest value, kept apart; a single value lies in the middle."""
    low, high = min(values), max(values)
    around = 0.0 if high > low else abs(low) or 1.0
    return low - around, high + around


def _padded(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    margin = (high - low) * 0.05
    return (0.0 if 0 <= low < (high - low) else low - margin, high + margin)


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten apart) between `low` and `high`."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    found = (round(i * step, 15) for i in range(first, math.floor(high / step + 1e-9) + 1))
    return [min(max(tick, low), high) for tick in found]  # numbers that lie close together are rounded past the ends


def tick_text(value: float) -> str:
    """A short number: `1.5k`, `200`, `0.12`, `5e-5`."""
    if value and abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    if abs(value) >= 10_000:
        return f"{value / 1000:.4g}k"
    return f"{value:.4g}"

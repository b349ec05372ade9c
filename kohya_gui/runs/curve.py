"""Curves cut to what a chart can show, without losing their peaks."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[int, float]


def decimate(points: Sequence[Point], limit: int = 1000) -> list[Point]:
    """At most `limit` (≥ 4) of `points` in their order: both ends, and the lowest and highest of each stretch."""
    if len(points) <= limit:
        return list(points)
    inner = points[1:-1]
    stretches = (limit - 2) // 2
    kept = [points[0]]
    for index in range(stretches):
        begin, end = index * len(inner) // stretches, (index + 1) * len(inner) // stretches
        stretch = inner[begin:end]
        low = min(range(len(stretch)), key=lambda i: stretch[i][1])
        high = max(range(len(stretch)), key=lambda i: stretch[i][1])
        kept.extend(stretch[i] for i in sorted({low, high}))
    return [*kept, points[-1]]

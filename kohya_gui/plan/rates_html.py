"""The learning rates over the run as a small plot, and the strength that alpha and rank make."""

from __future__ import annotations

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import number_text
from kohya_gui.plan.plan import Plan
from kohya_gui.plan.words import part_text
from kohya_gui.views.markup import joined
from train_core.config.phrases import JOINTS
from train_core.config.syntax.optimizer_traits import has_relative_steps
from train_core.facts.adapters.strength import Strength
from train_core.facts.run.rate_curves import RateCurve

WIDTH, HEIGHT, EDGE = 300, 70, 3


def rates_html(plan: Plan, language: str) -> Markup:
    """The plot with its legend; where there is nothing to plot, the reason."""
    if not plan.curves:
        relative = has_relative_steps(plan.checked.config.optimizer)
        reason = text("ui.plan.rates.own" if relative else "ui.plan.rates.none", language)
        return Markup('<div class="plan-empty">{}</div>').format(reason)
    total = plan.curves[0].points[-1][0] + 1
    highest = max(curve.peak for curve in plan.curves) or 1.0
    lines = joined(
        Markup('<polyline class="plan-line-{}" points="{}"/>').format(number % 3, _path(curve, total, highest))
        for number, curve in enumerate(plan.curves)
    )
    return Markup(
        '<svg class="plan-rates" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
        '<div class="plan-axis"><span>1</span><span>{}</span></div><div class="plan-legend">{}</div>'
    ).format(
        WIDTH, HEIGHT, text("ui.plan.rates", language), lines,
        text("ui.plan.rates.steps", language, steps=f"{total:,}"),
        joined(_legend(number, curve, language) for number, curve in enumerate(plan.curves)),
    )  # fmt: skip


def _path(curve: RateCurve, total: int, highest: float) -> str:
    """The points of a line; a run of one step is a line across."""
    points = [
        (EDGE + (WIDTH - 2 * EDGE) * step / max(1, total - 1), HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * rate / highest)
        for step, rate in curve.points
    ]
    if len(points) == 1:
        points.append((WIDTH - EDGE, points[0][1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _legend(number: int, curve: RateCurve, language: str) -> Markup:
    parts = JOINTS["comma"].join(part_text(part, language) for part in curve.parts)
    key = "ui.plan.rates.found" if curve.of_found else "ui.plan.rates.peak"
    rate = text(key, language, rate=number_text(float(f"{curve.peak:.4g}")))
    return Markup('<span class="plan-key plan-line-{}">{} <b>{}</b></span>').format(number % 3, parts, rate)


def strengths_html(plan: Plan, language: str) -> Markup:
    """A line for each rank: alpha divided by it, and what that means."""
    return joined(
        Markup('<div class="plan-strength"><span>{}</span> <b>{}</b> <small>{}</small></div>').format(
            text(f"setting.{name}.label", language), strength_text(strength), _meaning(strength, language)
        )
        for name, strength in plan.strengths
    )  # fmt: skip


def strength_text(strength: Strength) -> str:
    """The division and its result: `16 / 32 = 0.5`."""
    root = "√" if strength.rank_stabilised else ""
    return f"{number_text(strength.alpha)} / {root}{strength.rank} = {float(f'{strength.factor:.3g}'):g}"


def _meaning(strength: Strength, language: str) -> str:
    factor = strength.factor
    key = "full" if abs(factor - 1) < 1e-9 else "less" if factor < 1 else "more"
    return text(f"ui.plan.strength.{key}", language)

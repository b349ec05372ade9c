"""A run drawn as HTML: status and progress, charts, sample pictures, console."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import groupby
from urllib.parse import quote

from kohya_gui.form.kinds import number_text
from kohya_gui.i18n.messages import dictionary, text, translate
from kohya_gui.runs.curve import decimate
from kohya_gui.runs.follow import RunView, Sample
from kohya_gui.runs.registry import ACTIVE
from kohya_gui.views.charts import Series, line_chart
from train_core.config.problems import Problem

MOST_CLASS_IMAGES = 24  # are shown; there may be hundreds


def status_html(view: RunView | None, language: str) -> str:
    """Status, progress bar, figures, what went wrong and what was saved."""
    if view is None:
        return f'<div class="run-empty">{_ui("ui.run.none", language)}</div>'
    return (
        f'<div class="run-head"><span class="badge {view.status}" id="run-state">'
        f"{_ui(f'ui.status.{view.status}', language)}</span>{stage_html(view, language)}</div>"
        f"{bar_html(view)}{_figures(view, language)}{messages_html(view, language)}{_rates(view, language)}"
        f"{_saved(view, language)}"
    )


def stage_html(view: RunView, language: str) -> str:
    """What the run is doing before and after the steps themselves."""
    if view.status not in ACTIVE or not view.stage or view.stage == "training":
        return ""
    count = f" {view.stage_done}/{view.stage_total}" if view.stage_total else ""
    key = f"ui.stage.{view.stage}"  # a job may know stages that this page does not
    name = _ui(key, language) if key in dictionary(language) else html.escape(view.stage)
    return f'<span class="stage">{name}{count}</span>'


def bar_html(view: RunView) -> str:
    done, total = (view.step, view.total_steps) if view.total_steps else (view.stage_done, view.stage_total)
    share = min(1.0, done / total) if total else 0.0
    return (
        f'<div class="bar {view.status}" role="progressbar" aria-valuenow="{share * 100:.0f}" aria-valuemin="0" '
        f'aria-valuemax="100"><div style="width:{share * 100:.1f}%"></div></div>'
    )


def _figures(view: RunView, language: str) -> str:
    loss = view.loss if view.average is None else view.average
    figures = [
        ("step", f"{view.step:,} / {view.total_steps:,}" if view.total_steps else "–"),
        ("epoch", f"{view.epoch} / {view.epochs}" if view.epochs else "–"),
        ("loss", "–" if loss is None else f"{loss:.4f}"),
        ("speed", speed_text(view.speed, language)),
    ]
    if view.status in ACTIVE:
        figures.append(("left", duration_text(view.eta)))
    else:
        lasted = view.ended - view.started if view.ended and view.started else None
        figures.append(("took", duration_text(lasted)))
    cells = "".join(
        f'<div id="run-{name}"><span>{_ui(f"ui.run.{name}", language)}</span><b>{value}</b></div>'
        for name, value in figures
    )
    return f'<div class="figures">{cells}</div>'


def speed_text(speed: float | None, language: str) -> str:
    """Steps a second, or seconds a step where that reads better."""
    if not speed:
        return "–"
    if speed >= 1:
        return text("ui.run.per_second", language, steps=f"{speed:.1f}")
    return text("ui.run.per_step", language, seconds=f"{1 / speed:.1f}")


def duration_text(seconds: float | None) -> str:
    """`1:02:03` or `2:03`."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def messages_html(view: RunView, language: str) -> str:
    errors = "".join(f'<div class="note error">{_message(p, language)}</div>' for p in view.errors)
    warnings = "".join(f'<div class="note warning">{_message(p, language)}</div>' for p in view.warnings[-5:])
    notices = "".join(f'<div class="note">{_message(p, language)}</div>' for p in view.notices[-5:])
    return errors + warnings + notices


def _message(found: Problem, language: str) -> str:
    return html.escape(translate(found, language)).replace("\n", "<br>")


def _rates(view: RunView, language: str) -> str:
    """The learning rates that a search has found, by optimizer."""
    found = [
        f"{html.escape(name)}: "
        + ", ".join(f"{_ui(f'setting.{s}.label', language)} {number_text(rate)}" for s, rate in rates.items())
        for name, rates in view.rates.items()
    ]
    return f'<div class="note result" id="run-rates">{"<br>".join(found)}</div>' if found else ""


def _saved(view: RunView, language: str) -> str:
    """Where the result lies, or the newest file while there is no result."""
    path = view.result or (str(view.saved[-1].path) if view.saved else "")
    if not path:
        return ""
    kind = "state" if view.status == "paused" else "result" if view.result else "saved"
    label = _ui(f"ui.run.{kind}", language)
    return f'<div class="note result" id="run-result"><span>{label}</span><code>{html.escape(path)}</code></div>'


def charts_html(view: RunView | None, language: str) -> str:
    """The loss with its average, and the learning rates, over the step."""
    if view is None:
        return ""
    empty = text("ui.chart.empty", language)
    losses = [
        Series(text("ui.chart.current", language), view.losses, faint=True),
        Series(text("ui.chart.average", language), view.averages),
        Series(text("ui.chart.validation", language), decimate(view.validations)),
    ]
    rates = [Series(_rate_name(name, language), points) for name, points in view.lr_curves.items()]
    return (
        f'<div class="charts"><div id="chart-loss">{line_chart(text("ui.chart.loss", language), losses, empty)}</div>'
        f'<div id="chart-lr">{line_chart(text("ui.chart.lr", language), rates, empty)}</div></div>'
    )


def _rate_name(name: str, language: str) -> str:
    known = {"unet": "U-Net", "textencoder": text("ui.chart.text_encoder", language)}
    return known.get(name.replace("_", ""), name)


def samples_html(view: RunView | None, pictures_path: str, language: str) -> str:
    """The sample pictures, newest step first; unchanged ones keep their address, so the browser keeps them too."""
    if view is None:
        return ""
    if not view.samples:
        return f'<div class="samples-empty">{_ui("ui.samples.empty", language)}</div>'
    if view.job == "class_images":
        newest = view.samples[: -MOST_CLASS_IMAGES - 1 : -1]
        return f'<div class="samples">{_pictures(view.id, newest, pictures_path)}</div>'
    newest_first = sorted(view.samples, key=lambda s: (-s.step, s.index))
    groups = groupby(newest_first, key=lambda s: (s.step, s.epoch))
    return "".join(
        f'<div class="sample-step">{_when(step, epoch, language)}</div>'
        f'<div class="samples">{_pictures(view.id, list(pictures), pictures_path)}</div>'
        for (step, epoch), pictures in groups
    )


def _when(step: int, epoch: int, language: str) -> str:
    key = "ui.samples.first" if step == 0 else "ui.samples.when" if epoch else "ui.samples.step"
    return _ui(key, language, step=step, epoch=epoch)


def _pictures(run_id: str, samples: Sequence[Sample], pictures_path: str) -> str:
    return "".join(_picture(s, f"{pictures_path}{quote(run_id)}/{quote(s.path.name)}") for s in samples)


def _picture(sample: Sample, address: str) -> str:
    title = html.escape(f"{sample.prompt}\nseed {sample.seed}", quote=True)
    return (
        f'<a href="{address}" target="_blank" rel="noopener" title="{title}">'
        f'<img src="{address}" alt="{title}" loading="lazy"></a>'
    )


def console_html(view: RunView | None) -> str:
    """The console's tail; laid out from the bottom, so that it stays at its end while it grows."""
    if view is None:
        return ""
    return f'<div class="console"><pre>{html.escape(view.console) or " "}</pre></div>'


def _ui(key: str, language: str, **params: object) -> str:
    return html.escape(text(key, language, **params))

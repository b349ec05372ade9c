"""A run drawn as HTML: status and progress, charts, sample pictures, console."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from urllib.parse import quote

from markupsafe import Markup

from kohya_gui.i18n.messages import dictionary, say, text
from kohya_gui.i18n.value_kinds import number_text
from kohya_gui.runs.curve import decimate
from kohya_gui.runs.follow import RunView, Sample
from kohya_gui.runs.registry import ACTIVE
from kohya_gui.views.charts import Series, line_chart
from kohya_gui.views.markup import joined, message
from kohya_gui.views.studio.to_data import to_data_button

MOST_SHOWN = 24  # are shown; there may be hundreds


def status_html(view: RunView | None, language: str) -> Markup:
    """Status, progress bar, figures, what went wrong and what was saved."""
    if view is None:
        return Markup('<div class="run-empty">{}</div>').format(text("ui.run.none", language))
    head = Markup(
        '<div class="run-head"><span class="badge {status}" id="run-state">{status_name}</span>{stage}</div>'
    ).format(
        status=view.status, status_name=text(f"ui.status.{view.status}", language), stage=stage_html(view, language)
    )
    parts = (_figures, _rate_stage, messages_html, _rates, _saved)
    return joined([head, bar_html(view), *(part(view, language) for part in parts)])


def stage_html(view: RunView, language: str) -> Markup:
    """Stage of the run before and after the steps themselves."""
    if view.status not in ACTIVE or not view.stage or view.stage == "training":
        return Markup("")
    count = f" {view.stage_done}/{view.stage_total}" if view.stage_total else ""
    key = f"ui.stage.{view.stage}"  # a job may know stages that this page does not
    name = text(key, language) if key in dictionary(language) else view.stage
    return Markup('<span class="stage">{}{}</span>').format(name, count)


def bar_html(view: RunView) -> Markup:
    """Progress bar, by steps where they are known, else by what the stage counts."""
    done, total = (view.step, view.total_steps) if view.total_steps else (view.stage_done, view.stage_total)
    percent = 100 * min(1.0, done / total) if total else 0.0
    return Markup(
        '<div class="bar {status}" role="progressbar" aria-valuenow="{percent:.0f}" aria-valuemin="0" '
        'aria-valuemax="100"><div style="width:{percent:.1f}%"></div></div>'
    ).format(status=view.status, percent=percent)


def _figures(view: RunView, language: str) -> Markup:
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
    cell = Markup('<div id="run-{}"><span>{}</span><b>{}</b></div>')
    cells = joined(cell.format(name, text(f"ui.run.{name}", language), value) for name, value in figures)
    return Markup('<div class="figures">{}</div>').format(cells)


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


def messages_html(view: RunView, language: str) -> Markup:
    """All errors, and the newest warnings and notices."""
    kinds = (("error", view.errors), ("warning", view.warnings[-5:]), ("", view.notices[-5:]))
    return joined(
        Markup('<div class="{}">{}</div>').format(f"run-note {kind}".strip(), message(found, language))
        for kind, problems in kinds
        for found in problems
    )


def _rate_stage(view: RunView, language: str) -> Markup:
    """Which stage of the learning rate a run at work is in."""
    if view.status not in ACTIVE or not view.rate_stage:
        return Markup("")
    return Markup('<div class="run-note" id="run-rate-stage">{}</div>').format(say(view.rate_stage, language))


def _rates(view: RunView, language: str) -> Markup:
    """The learning rates that a search has found, by optimizer."""
    found = [
        f"{name}: " + ", ".join(f"{text(f'setting.{s}.label', language)} {number_text(r)}" for s, r in rates.items())
        for name, rates in view.rates.items()
    ]
    lines = Markup("<br>").join(found)
    return Markup('<div class="run-note result" id="run-rates">{}</div>').format(lines) if found else Markup("")


def _saved(view: RunView, language: str) -> Markup:
    """Path of the result, or of the newest file while there is no result."""
    path = view.result or (str(view.saved[-1].path) if view.saved else "")
    if not path:
        return Markup("")
    label = text(f"ui.run.{'state' if view.status == 'paused' else 'result' if view.result else 'saved'}", language)
    note = Markup('<div class="run-note result" id="run-result"><span>{}</span><code>{}</code></div>')
    return note.format(label, path)


def charts_html(view: RunView | None, language: str) -> Markup:
    """The loss with its average, and the learning rates, over the step."""
    if view is None:
        return Markup("")
    empty = text("ui.chart.empty", language)
    losses = [
        Series(text("ui.chart.current", language), view.losses, faint=True),
        Series(text("ui.chart.average", language), view.averages),
        Series(text("ui.chart.validation", language), decimate(view.validations)),
    ]
    rates = [Series(rate_name(name, language), points) for name, points in view.lr_curves.items()]
    return Markup(
        '<div class="charts"><div id="chart-loss">{}</div><div id="chart-lr">{}</div></div>'
    ).format(
        line_chart(text("ui.chart.loss", language), losses, empty),
        line_chart(text("ui.chart.lr", language), rates, empty),
    )


def rate_name(name: str, language: str) -> str:
    """The part that a learning rate is for, in words."""
    known = {"unet": "U-Net", "textencoder": text("ui.chart.text_encoder", language)}
    return known.get(name.replace("_", ""), name)


def samples_html(view: RunView | None, pictures_path: str, language: str) -> Markup:
    """The sample pictures, newest step first; unchanged ones keep their address, so the browser keeps them too."""
    if view is None:
        return Markup("")
    if not view.samples:
        return Markup('<div class="samples-empty">{}</div>').format(text("ui.samples.empty", language))
    if view.job == "class_images":
        return newest_pictures_html(view, pictures_path, language)
    newest_first = sorted(view.samples, key=lambda s: (-s.step, -s.epoch, s.index))
    groups = groupby(newest_first, key=lambda s: (s.step, s.epoch))
    return joined(
        Markup('<div class="sample-step">{}</div>{}').format(
            _when(step, epoch, language), _pictures(view.id, list(pictures), pictures_path, language)
        )
        for (step, epoch), pictures in groups
    )


def newest_pictures_html(view: RunView, pictures_path: str, language: str) -> Markup:
    """The last pictures that were drawn, where there may be hundreds."""
    return _pictures(view.id, view.samples[: -MOST_SHOWN - 1 : -1], pictures_path, language)


def _when(step: int, epoch: int, language: str) -> str:
    key = "ui.samples.first" if step == 0 else "ui.samples.when" if epoch else "ui.samples.step"
    return text(key, language, step=step, epoch=epoch)


def _pictures(run_id: str, samples: Sequence[Sample], pictures_path: str, language: str) -> Markup:
    place = f"{pictures_path}{quote(run_id)}/"
    pictures = joined(
        Markup('<span class="sample">{}{}</span>').format(
            _picture(s, f"{place}{quote(s.path.name)}", language), to_data_button(run_id, s.path.name, language)
        )
        for s in samples
    )
    return Markup('<div class="samples">{}</div>').format(pictures)


def _picture(sample: Sample, address: str, language: str) -> Markup:
    title = f"{sample.prompt}\n{text('setting.seed.label', language)} {sample.seed}"
    return Markup(
        '<a href="{address}" target="_blank" rel="noopener" title="{title}">'
        '<img src="{address}" alt="{title}" loading="lazy"></a>'
    ).format(address=address, title=title)


def console_html(view: RunView | None, language: str) -> Markup:
    """The console's tail; laid out from the bottom, so that it stays at its end while it grows."""
    if view is None:
        return Markup("")
    return Markup('<div class="console"><pre>{}</pre></div>').format(_console_in(view, language) or " ")


def _console_in(view: RunView, language: str) -> str:
    """The console with what it says of events in `language`, whatever the job prints besides as it is."""
    lines = view.console.split("\n")
    for english, said in view.said.items():
        wanted = english.split("\n")
        for start, line in enumerate(lines):
            if line == wanted[0] and lines[start : start + len(wanted)] == wanted:
                lines[start : start + len(wanted)] = str(say(said, language)).split("\n")
    return "\n".join(lines)

"""An opened run as HTML: its head, the table of its epochs and files, and the frame for its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import bytes_text, number_text
from kohya_gui.runs.details.epochs import Row as Epoch
from kohya_gui.runs.details.files import RunFile
from kohya_gui.runs.details.pictures import Column, Sheet
from kohya_gui.runs.history.searching import Row
from kohya_gui.runs.registry import RunInfo
from kohya_gui.views.markup import joined, message
from kohya_gui.views.opened_charts import charts_html
from kohya_gui.views.opened_console import console_html
from kohya_gui.views.row_parts import badge, note
from kohya_gui.views.run_html import duration_text, rate_name
from kohya_gui.views.runs_html import acts_html
from train_core.config.problems import Problem

WEIGHTS = (".safetensors", ".ckpt", ".pt")  # the files that tools take
MOST_ROWS = 1_000  # of the table; the newest ones are shown, the CSV has all


def shell_html(others: Sequence[RunInfo], language: str) -> Markup:
    """The frame of an opened run, which assets/opened/opened.js fills in; `others` can be laid over its charts."""
    return Markup('<div id="opened-head"></div>{}{}<section id="opened-files"></section>{}').format(
        charts_html(others, language), _viewer(language), console_html(language)
    )


def head_html(row: Row, errors: Sequence[Problem], language: str) -> Markup:
    """Name, status, figures, what can be done, and the errors that ended it."""
    info, summary = row.info, row.summary
    figures = [
        ("step", f"{info.step:,} / {info.total_steps:,}" if info.total_steps else "–"),
        ("epoch", f"{summary.epoch} / {summary.epochs}" if summary.epochs else "–"),
        ("loss", "–" if summary.loss is None else f"{summary.loss:.4f}"),
        ("validation", "–" if summary.validation is None else f"{summary.validation:.4f}"),
        ("took", duration_text(summary.seconds) if summary.seconds else "–"),
    ]  # fmt: skip
    cells = joined(
        Markup("<div><span>{}</span><b>{}</b></div>").format(_figure(name, language), value) for name, value in figures
    )
    return Markup(
        '<div class="opened-bar"><button type="button" class="small" data-shut>← {}</button><h3>{}</h3>{}'
        '<span class="runs-space"></span>{}</div><div class="figures">{}</div>{}'
    ).format(
        text("ui.opened.back", language), info.name, badge(info.status, text(f"ui.status.{info.status}", language)),
        acts_html(row, language), cells, _errors(errors, language) if errors else "",
    )


def _errors(errors: Sequence[Problem], language: str) -> Markup:
    """What has ended the run, and the button that copies all that helps to find out why."""
    return Markup(
        '<div class="opened-error"><div>{}</div><button type="button" class="small" data-report>{}</button></div>'
    ).format(
        joined(note("error", message(one, language)) for one in errors), text("ui.opened.report", language)
    )


def _figure(name: str, language: str) -> str:
    return text("ui.opened.validation" if name == "validation" else f"ui.run.{name}", language)


def files_html(run: str, rows: Sequence[Epoch], address: str, has_states: bool, language: str) -> Markup:
    """The table of a run's epochs; `address` is that under which the server has what belongs to the run."""
    links = [("epochs.csv", text("ui.opened.csv", language)), ("zip", text("ui.opened.zip", language))]
    links += [("zip?states=1", text("ui.opened.zip_states", language))] if has_states else []
    names = ("epoch", "step", "mean_loss", "validation", "rate", "file", "sample")
    left_out = text("ui.opened.rows_left", language, count=len(rows) - MOST_ROWS)
    return Markup(
        '<div class="runs-head"><h3 class="runs-title">{}</h3><span class="runs-space"></span>{}</div>'
        '<div class="scrolled"><table class="epochs" data-run="{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
        "</div>{}"
    ).format(
        text("ui.opened.files", language),
        joined(
            Markup('<a class="small" href="{}{}" download>{}</a>').format(address, link, words) for link, words in links
        ),
        run,
        joined(Markup('<th scope="col">{}</th>').format(text(f"ui.opened.{name}", language)) for name in names),
        joined(_epoch(row, address, language) for row in rows[-MOST_ROWS:]),
        Markup('<p class="soft">{}</p>').format(left_out) if len(rows) > MOST_ROWS else "",
    )


def _epoch(row: Epoch, address: str, language: str) -> Markup:
    loss, validation = ("–" if value is None else f"{value:.4f}" for value in (row.loss, row.validation))
    return Markup(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"
    ).format(
        row.epoch or "–", f"{row.step:,}", loss, validation, _rates(row.rates, language),
        Markup("<br>").join(_file(file, address, language) for file in row.files) or "–",
        joined(_sample(path, row.step, address) for path in row.samples) or "–",
    )


def _rates(rates: Mapping[str, float], language: str) -> Markup | str:
    """One number if all parts have the same rate, else one for each part."""
    if len(set(rates.values())) == 1:
        return _short(next(iter(rates.values())))
    return Markup("<br>").join(f"{rate_name(name, language)} {_short(rate)}" for name, rate in rates.items()) or "–"


def _short(rate: float) -> str:
    return number_text(float(f"{rate:.3g}"))


def _file(file: RunFile, address: str, language: str) -> Markup:
    link = Markup('<a href="{}files/{}" download title="{}">{}</a> <small>{}</small>').format(
        address, quote(file.name, safe="", errors="replace"), text("ui.opened.download", language), file.name,
        bytes_text(file.bytes),
    )
    if file.path.suffix.lower() not in WEIGHTS:
        return link
    button = Markup(' <button type="button" class="to-tool" data-{}="{}" data-file="{}">{}</button>')
    acts = [("dialog", "send", "send"), ("prompt", "", "prompt"), ("dialog", "tools", "tools")]
    return link + joined(button.format(kind, value, file.name, text(f"ui.act.{words}", language))
                         for kind, value, words in acts)


def _sample(path: Path, step: int, address: str) -> Markup:
    name = path.name
    return Markup(
        '<button type="button" class="cell" data-show="{}" aria-label="{}"><img src="{}small/{}" alt="" loading="lazy">'
        "</button>"
    ).format(name, step, address, quote(name, safe="", errors="replace"))


def sheet_json(sheet: Sheet, marks: Mapping[str, str], active: bool, language: str) -> dict[str, Any]:
    """The pictures as assets/opened/viewer.js takes them."""
    return {
        "prompts": sheet.prompts,
        "columns": [
            {"step": one.step, "label": _when(one.step, one.epoch, language), "use": _use(one, active, language),
             "file": one.file.name if one.file else "", "own": one.is_own, "told": _nearest(one, language)}
            for one in sheet.columns
        ],
        "cells": [[one.row, one.column, one.name, one.seed] for one in sheet.cells],
        "marks": dict(sorted(marks.items())),
    }


def _when(step: int, epoch: int, language: str) -> str:
    key = "ui.samples.first" if step == 0 else "ui.samples.when" if epoch else "ui.samples.step"
    return text(key, language, step=step, epoch=epoch)


def _use(column: Column, active: bool, language: str) -> str:
    """What the button says that keeps this epoch's file, or the nearest one; "" where there is none."""
    if column.file is None:
        return ""
    key = f"ui.opened.{'stop_and_use' if active else 'use'}{'' if column.is_own else '_nearest'}"
    return text(key, language, file=column.file.name)


def _nearest(column: Column, language: str) -> str:
    """What there is instead of a file of this step; "" where it has one of its own."""
    if column.is_own:
        return ""
    if column.file is None:
        return text("ui.opened.no_file", language)
    when = _when(column.file.step, column.file_epoch, language)
    return text("ui.opened.nearest", language, step=column.step, file=column.file.name, when=when)


def _viewer(language: str) -> Markup:
    """The frame of the pictures: the stage, what is under it, and the table of all of them."""
    modes = joined(
        Markup('<button type="button" class="small" data-mode="{}" aria-pressed="false">{}</button>').format(
            mode, text(f"ui.opened.mode.{mode}", language)
        )
        for mode in ("one", "wipe", "beside")
    )
    marks = joined(
        Markup('<button type="button" class="small mark {0}" data-mark="{0}" aria-pressed="false">{1} {2}</button>')
        .format(mark, sign, text(f"ui.opened.mark.{mark}", language))
        for mark, sign in (("good", "✓"), ("bad", "✕"))
    )  # fmt: skip
    return Markup(
        '<section id="opened-pictures" hidden><div class="runs-head"><h3 class="runs-title">{title}</h3>'
        '<span class="modes" role="group">{modes}</span>'
        '<label id="viewer-with" hidden>{other} <select id="viewer-other" data-training="{training}"></select></label>'
        '<span class="runs-space"></span><span class="soft">{keys}</span></div>'
        '<div class="viewer" id="viewer" tabindex="0" role="group" aria-label="{title}">'
        '<div class="stage" id="viewer-stage"></div><div class="viewer-side">'
        '<label>{step}<input type="range" id="viewer-step" min="0" value="0"></label>'
        '<label id="viewer-wipe-row" hidden>{wipe}<input type="range" id="viewer-wipe" min="0" max="100" value="50">'
        '</label><b id="viewer-when"></b><p id="viewer-prompt"></p>'
        '<p class="soft" id="viewer-seed" data-word="{seed}"></p>'
        '<div class="marks">{marks}</div><p class="soft" id="viewer-told" role="status"></p>'
        '<button type="button" class="small" id="viewer-use" hidden></button>'
        '<button type="button" class="small" id="viewer-send" data-dialog="send" hidden>{send}</button>'
        '<button type="button" class="small" id="viewer-data">{data}</button></div></div>'
        '<div class="scrolled"><table class="sheet" id="viewer-sheet"></table></div></section>'
    ).format(
        title=text("ui.opened.pictures", language), modes=modes, marks=marks, keys=text("ui.opened.keys", language),
        other=text("ui.opened.compare_with", language), training=text("ui.opened.training", language),
        step=text("ui.opened.slider", language), wipe=text("ui.opened.wipe", language),
        seed=text("setting.seed.label", language), send=text("ui.act.send", language),
        data=text("ui.to_data", language),
    )

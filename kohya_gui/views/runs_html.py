"""The history of runs as HTML: what to look for, and a row for each run found."""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.runs.history.searching import GROUPS, Found, Query, Row
from kohya_gui.runs.registry import AT_WORK
from kohya_gui.views.markup import joined, message
from kohya_gui.views.queue_html import Rows
from kohya_gui.views.row_parts import badge, button, note, open_button, option
from kohya_gui.views.run_html import duration_text

TRAINING = ("", "train")  # a run's job before its first event, and that which needs no saying
UNFINISHED = ("paused", "stopped", "failed", "lost")


def history_head_html(language: str) -> Markup:
    """The title, the search box, and the choice of statuses; the same for every state of the history."""
    groups = joined(option(group, text(f"ui.runs.group.{group}", language), group == "all") for group in GROUPS)
    words = text("ui.runs.search", language)
    return Markup(
        '<h3 class="runs-title">{}</h3><input type="search" id="runs-search" placeholder="{}" aria-label="{}">'
        '<select id="runs-group" aria-label="{}">{}</select>'
        '<button type="button" class="small" id="runs-compare" data-dialog="differences" title="{}" disabled>{}'
        "</button>"
    ).format(
        text("ui.runs.title", language), words, words, text("ui.runs.group", language), groups,
        text("ui.runs.compare.help", language), text("ui.act.differences", language),
    )  # fmt: skip


def history_tags_html(found: Found, query: Query, language: str) -> Markup:
    """The tags to choose from, and how many runs were found."""
    tags = joined(
        Markup('<button type="button" class="tag" data-tag="{}" aria-pressed="{}">{}</button>').format(
            tag, "true" if tag == query.tag else "false", tag
        )
        for tag in found.tags
    )
    key = "ui.runs.count" if found.found == found.runs else "ui.runs.found"
    count = text(key, language, found=f"{found.found:,}", runs=f"{found.runs:,}")
    return Markup('{}<span class="soft" id="runs-count">{}</span>').format(tags, count)


def history_rows(found: Found, address: str, language: str) -> Rows:
    """A row for each run of the page; `address` is that under which the server has the runs' pictures."""
    return [(row.info.id, _row(row, address, language)) for row in found.rows]


def history_empty_html(found: Found, language: str) -> Markup:
    """What to say where there is no row."""
    if found.rows:
        return Markup("")
    key = "ui.runs.nothing_found" if found.runs else "ui.runs.none"
    return Markup('<p class="runs-empty">{}</p>').format(text(key, language))


def history_pages_html(found: Found, language: str) -> Markup:
    """Buttons to turn the page, where there are several."""
    if found.pages == 1:
        return Markup("")
    turn = Markup('<button type="button" class="small" data-page="{}" aria-label="{}"{}>{}</button>')
    off = Markup(" disabled")
    return Markup("{}<span>{}</span>{}").format(
        turn.format(found.page - 1, text("ui.runs.newer", language), off if found.page == 1 else "", "←"),
        text("ui.runs.page", language, page=found.page, pages=found.pages),
        turn.format(found.page + 1, text("ui.runs.older", language), off if found.page == found.pages else "", "→"),
    )


def _row(row: Row, address: str, language: str) -> Markup:
    info, run = row.info, row.info.id
    pick = Markup('<input type="checkbox" data-pick="{}" aria-label="{}">').format(
        run, text("ui.runs.pick", language, name=info.name)
    )
    return Markup(
        '{pick}{picture}<span class="run-name"><b>{name}</b><small>{when}</small>{tags}{note}</span>{state}'
        '<span class="run-figures">{figures}</span><span class="run-acts">{acts}</span>'
    ).format(
        pick=pick, picture=_thumbnail(row, address), name=open_button(run, info.name, language),
        when=_when(row, language), tags=_tags(row),
        note=_note(row, language), state=badge(info.status, text(f"ui.status.{info.status}", language)),
        figures=_figures(row, language), acts=acts_html(row, language),
    )  # fmt: skip


def _thumbnail(row: Row, address: str) -> Markup:
    path = row.summary.thumbnail
    if path is None:
        return Markup('<span class="thumb"></span>')
    return Markup('<img class="thumb" src="{}" alt="" loading="lazy" width="44" height="44">').format(
        f"{address}{quote(row.info.id)}/thumbnail/{quote(path.name)}"
    )


def _when(row: Row, language: str) -> str:
    job = row.summary.job
    begun = f"{row.info.created:%Y-%m-%d %H:%M}"
    return begun if job in TRAINING else f"{begun} · {_title(job, language)}"


def _title(job: str, language: str) -> str:
    try:
        return text(f"job.{job}.title", language)
    except KeyError:  # a job of another version
        return job


def _tags(row: Row) -> Markup:
    return joined(Markup('<span class="tag">{}</span>').format(tag) for tag in row.notes.tags)


def _note(row: Row, language: str) -> Markup:
    """The first line of the person's words, and why the run failed."""
    first = row.notes.note.partition("\n")[0]
    words = Markup('<small class="run-words">{}</small>').format(first) if first else Markup("")
    error = row.summary.error if row.info.status == "failed" else None
    return words + (note("error", message(error, language)) if error is not None else "")


def _figures(row: Row, language: str) -> Markup:
    info, summary = row.info, row.summary
    steps = f"{info.step:,} / {info.total_steps:,}" if info.total_steps else "–"
    figures = [
        ("step", steps), ("loss", "–" if summary.loss is None else f"{summary.loss:.4f}"),
        ("took", duration_text(summary.seconds) if summary.seconds else "–"),
    ]  # fmt: skip
    return joined(
        Markup('<span class="figure-{}"><span>{}</span><b>{}</b></span>').format(
            name, text(f"ui.run.{name}", language), value
        )
        for name, value in figures
    )


def acts_html(row: Row, language: str) -> Markup:
    """The buttons for what can be done with a run as it stands."""
    run, status = row.info.id, row.info.status
    if status == "running":
        evaluate = ("evaluate",) if row.summary.job in TRAINING else ()
        acts: tuple[str, ...] = ("pause", "stop", "save", "sample", "kill", *evaluate, "load", "note")
    elif status in AT_WORK:
        acts = ("kill", "load", "note")
    else:
        resume = ("resume",) if status in UNFINISHED and row.summary.can_resume else ()
        evaluate = ("evaluate",) if status != "queued" and row.summary.job in TRAINING else ()
        acts = (*evaluate, *resume, "load", "note", "delete")
    return joined(button(act, run, language) for act in acts)

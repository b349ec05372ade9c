"""Small parts that rows of runs are made of. What a button does is in `data-act`, assets/runs.js asks for it."""

from __future__ import annotations

from markupsafe import Markup

from kohya_gui.i18n.messages import text

ICONS = {"up": "↑", "down": "↓", "remove": "✕"}
DIALOGS = ("at", "edit", "note", "delete", "kill", "remove", "evaluate")  # what is asked more about before it is done
HINTS = ("pause", "stop")  # whose words do not say what follows


def button(act: str, run: str, language: str, kind: str = "", disabled: bool = False) -> Markup:
    """A button that does `act` with `run`; pointed at, it says what follows, or its words."""
    words = text(f"ui.act.{act}", language)
    hint = text(f"ui.{act}.hint", language) if act in HINTS else words
    icon = ICONS.get(act)
    return Markup(
        '<button type="button" class="small {kind}" data-{which}="{act}" data-run="{run}" title="{hint}" '
        'aria-label="{words}"{off}>{shown}</button>'
    ).format(
        kind=" ".join(filter(None, (kind, "icon" if icon else ""))), which="dialog" if act in DIALOGS else "act",
        act=act, run=run, words=words, hint=hint, off=Markup(" disabled") if disabled else "", shown=icon or words,
    )  # fmt: skip


def open_button(run: str, name: str, language: str) -> Markup:
    """A button that shows everything about a run."""
    return Markup('<button type="button" class="open" data-open="{}" title="{}">{}</button>').format(
        run, text("ui.act.open", language), name
    )


def badge(status: str, words: str) -> Markup:
    """The status of a run in its colour."""
    return Markup('<span class="badge {}">{}</span>').format(status, words)


def note(kind: str, words: Markup | str) -> Markup:
    """A remark: an error, a warning or a notice."""
    return Markup('<div class="note {}"><span class="dot"></span><span>{}</span></div>').format(kind, words)


def option(value: str, words: str, chosen: bool) -> Markup:
    """One choice of a list."""
    return Markup('<option value="{}"{}>{}</option>').format(value, Markup(" selected") if chosen else "", words)

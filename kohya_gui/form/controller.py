"""A job's form in use: reads its fields, keeps its draft, fills it, and explains its values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import gradio as gr
from markupsafe import Markup

from kohya_gui.files.marks import mark_of
from kohya_gui.files.reach import EVERYWHERE, Reach
from kohya_gui.form.drafts import load_draft, save_draft
from kohya_gui.form.history import History
from kohya_gui.form.live import Answer
from kohya_gui.form.opening import Dropped, Opened
from kohya_gui.form.session import Session
from kohya_gui.form.widgets import Form, as_chosen, to_widget
from kohya_gui.form.windows import Windows
from train_core.config.job import Job
from train_core.config.paths import clean_value
from train_core.config.problems import Problem, UserError

Updates = dict[Any, Any]  # new values, or changes, by widget
# For every event of the page. gradio marks each output of an event as loading, and looks through the whole page for
# each of them, whenever any event begins or ends: two seconds for a page that opens with a form of 300 fields. What it
# writes about events for programs would be two thirds of the page, as each of them names all fields.
QUIET: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "undocumented"}
_stamps = count(1)


@dataclass(frozen=True, kw_only=True)
class FormController(ABC):
    """Base of every form on the page; each kind of form adds its own handlers.

    While people type, the page's script asks for an `Answer` over a route of ours. Handlers of buttons take what the
    fields show as `shown` and return updates by widget; `gr.skip()` changes nothing, where gradio would refuse empty
    updates. `stamp` is an element that tells the script when a handler has filled the form; `language` the one forced
    on the command line, or ""; `draft` tells apart the drafts of one user; `reach` is what the page may show of the
    disk.
    """

    job: type[Job]
    fields: Form
    stamp: gr.HTML
    language: str
    draft: str = ""
    reach: Reach = EVERYWHERE
    _histories: dict[str, History] = field(default_factory=dict)
    _windows: dict[str, Windows] = field(default_factory=dict)

    @abstractmethod
    def answer(self, values: Mapping[str, Any], session: Session, more: Mapping[str, str]) -> Answer:
        """What is to be said of `values`; `more` is what is typed beside the form, by name."""

    def look(self, sent: Mapping[str, Any] | None, session: Session, more: Mapping[str, str]) -> Answer:
        """Keep the values that a browser has `sent` as the draft, and answer them.

        A browser sends the fields that it has drawn; those of sections that were never unfolded are as in the draft.
        None asks about what the form opens with, before the fields show it. A window that another one has overtaken is
        told so; its values count, and undo brings back the other's.
        """
        before = self.complete(self.drafted(session))
        values = {**before, **as_chosen(sent or {})}
        behind = self._windows.setdefault(session.user, Windows()).shows(more.get("window", ""), values)
        self.note(session, values, put=behind)
        if values != before:
            self.keep(session, values)
            if behind:
                session.tell("ui.form.elsewhere")
        answer = self.answer(values, session, more)
        return replace(answer, paths=self._marks(values, session), told=tuple(session.said or ()))

    def _marks(self, values: Mapping[str, Any], session: Session) -> dict[str, tuple[str, str]]:
        """The mark of each path in `values`, and the same in words."""
        marks = {s.name: mark_of(s.traits.path or "file", values.get(s.name), self.reach) for s in self.fields.paths}
        return {name: (mark.sign, session.text(f"ui.path.{mark.code}")) for name, mark in marks.items() if mark}

    def open_dropped(self, dropped: Dropped, session: Session) -> Opened | None:
        """What is in a file that was dropped on the page; None for a form that takes none. Raises `UserError`."""
        return None

    @property
    def filled(self) -> list[Any]:
        """The outputs of a handler that fills the form; the stamp is the last to change, when all fields have."""
        return [*self.fields.inputs, self.stamp]

    def session(self, request: gr.Request) -> Session:
        """The session that sent `request`."""
        return Session.of(request, request.username or "", self.language)

    def session_of(self, request: Any, user: str) -> Session:
        """The session of `user` that sent `request`, not through gradio; `look` says what it was told."""
        return Session.of(request, user, self.language, said=[])

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the fields show for `values`; settings that they lack have their defaults."""
        return self.fields.read(self.fields.show(values))

    def fill(self, values: Mapping[str, Any], session: Session, shown: Mapping[str, Any] | None = None) -> Updates:
        """Put `values` into the form, which shows `shown`, or its defaults; settings that they lack get theirs."""
        wanted = self.complete(values)
        before = self.complete({}) if shown is None else shown
        self.note(session, wanted, put=True)
        changed = {self.fields.widgets[name]: value for name, value in wanted.items() if value != before.get(name)}
        return {self.stamp: stamp(), **changed}

    def refuse(self, error: UserError, session: Session) -> Updates:
        """Show why something was not done: in the corner, and at the fields concerned."""
        session.warn(error)
        return {self.stamp: stamp(error.problems)}

    def undo(self, request: gr.Request, *shown: Any) -> Updates:
        """Put the values from before the last change into the form."""
        return self._to(self._history_with(request, shown).undo(), request, shown)

    def redo(self, request: gr.Request, *shown: Any) -> Updates:
        """Put the values that were undone last into the form."""
        return self._to(self._history_with(request, shown).redo(), request, shown)

    def _history_with(self, request: gr.Request, shown: Sequence[Any]) -> History:
        """The history, with what was typed just before the button was pressed."""
        session = self.session(request)
        self.note(session, self.fields.read(shown))
        return self.history(session)

    def _to(self, values: Mapping[str, Any] | None, request: gr.Request, shown: Sequence[Any]) -> Updates:
        if values is None:
            return gr.skip()
        session = self.session(request)
        self.keep(session, values)
        return self.fill(values, session, self.fields.read(shown))

    def note(self, session: Session, values: Mapping[str, Any], *, put: bool = False) -> None:
        """Take `values`, and what stands beside the form, as what undo comes back to: typed, or `put` there at once."""
        history = self.history(session)
        (history.put if put else history.note)({**values, **self.beside(session)})

    def beside(self, session: Session) -> Mapping[str, Any]:
        """What undo brings back beside the values, by names that no setting has."""
        return {}

    def history(self, session: Session) -> History:
        """The values that this user's form has had."""
        return self._histories.setdefault(session.user, History())

    def show_clean_paths(self, *shown: Any) -> Updates:
        """Show the paths of the form, which are `shown`, without the quotes and blanks that were pasted with them."""
        updates = {}
        for (s, widget), value in zip(self.fields.paths.items(), shown, strict=True):
            cleaned = to_widget(s, clean_value(s.traits.path or "file", value))
            if value and cleaned != value:
                updates[widget] = cleaned
        return updates or gr.skip()

    def connect_paths(self) -> None:
        """Have pasted paths cleaned as soon as their field is left."""
        paths = list(self.fields.paths.values())
        gr.on([widget.blur for widget in paths], self.show_clean_paths, paths, paths, **QUIET)

    def drafted(self, session: Session) -> Mapping[str, Any]:
        """The values kept for this form; none at first."""
        return self.load_draft(session)

    def keep(self, session: Session, values: Mapping[str, Any]) -> None:
        """Keep `values` for the next time that the page is opened."""
        self.keep_draft(session, values)

    def load_draft(self, session: Session) -> dict[str, Any]:
        """Load the draft kept for this form; empty at first."""
        return load_draft(self._draft_of(session))

    def keep_draft(self, session: Session, draft: Mapping[str, Any]) -> None:
        """Keep `draft` for the next time that the page is opened."""
        failed = save_draft(self._draft_of(session), draft)
        if failed is not None:
            session.warn(failed)

    def _draft_of(self, session: Session) -> str:
        return f"{session.user}\n{self.draft}" if self.draft else session.user  # no login has a line break


def stamp(problems: Sequence[Problem] = ()) -> Markup:
    """Something new for the script to notice, with the settings that `problems` are about."""
    names = " ".join(str(p.params["name"]) for p in problems if "name" in p.params)
    return Markup('<i data-stamp="{}" data-wrong="{}"></i>').format(next(_stamps), names)

"""A job's form in use: reads its fields, keeps its draft, fills it, and explains its values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from kohya_gui.form.drafts import load_draft, save_draft
from kohya_gui.form.session import Session
from kohya_gui.form.widgets import Form, to_widget
from train_core.config.job import Job
from train_core.config.paths import clean_value
from train_core.config.problems import Problem, UserError

Updates = dict[Any, Any]  # new values, or changes, by widget


@dataclass(frozen=True, kw_only=True)
class FormController(ABC):
    """Base of every form on the page; each kind of form adds its own handlers.

    Handlers take what the form's fields show as `shown` and return updates by widget; `gr.skip()` changes nothing,
    where gradio would refuse empty updates. `facts` is the element around the form that hides fields, marks wrong ones
    and offers paths; `language` the one forced on the command line, or ""; `draft` tells apart the drafts of one user.
    """

    job: type[Job]
    fields: Form
    facts: gr.HTML
    language: str
    draft: str = ""

    @abstractmethod
    def facts_html(self, values: Mapping[str, Any], session: Session, problems: Sequence[Problem] = ()) -> str:
        """HTML of `facts` for the form's `values`, in which `problems` have just been found."""

    @property
    def filled(self) -> list[Any]:
        """The outputs of a handler that fills the form."""
        return [self.facts, *self.fields.inputs]

    def session(self, request: gr.Request) -> Session:
        """The session that sent `request`."""
        return Session.of(request, self.language)

    def fill(self, values: Mapping[str, Any], session: Session) -> Updates:
        """Put `values` into the form; settings that they lack get their defaults."""
        shown = self.fields.show(values)
        described = self.describe(self.fields.read(shown), session)
        return {**described, **dict(zip(self.fields.inputs, shown, strict=True))}

    def describe(self, values: Mapping[str, Any], session: Session, problems: Sequence[Problem] = ()) -> Updates:
        """Explain what `values` mean."""
        return {self.facts: self.facts_html(values, session, problems)}

    def refuse(self, error: UserError, values: Mapping[str, Any], session: Session) -> Updates:
        """Show why something was not done with `values`, in the corner and around the form."""
        session.warn(error)
        return self.describe(values, session, error.problems)

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
        gr.on([widget.blur for widget in paths], self.show_clean_paths, paths, paths, show_progress="hidden")

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

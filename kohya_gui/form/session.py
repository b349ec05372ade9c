"""A request's session: the login, the language, and messages in a corner of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import escape

from kohya_gui.i18n.language import language_of
from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import led_by_label
from train_core.config.problems import Problem, UserError

TOAST_SECONDS = 12


@dataclass(frozen=True, kw_only=True)
class Session:
    """`user` is the name of the login, or "" without one. `said` takes messages where gradio cannot show them."""

    user: str
    language: str
    said: list[str] | None = None

    @classmethod
    def of(cls, request: Any, user: str, forced_language: str, said: list[str] | None = None) -> Session:
        """The session of `user` that sent `request`: gradio's or another, with `headers` and `cookies`."""
        return cls(user=user, language=language_of(request, forced_language), said=said)

    def text(self, key: str, **params: object) -> str:
        """The text of `key` in the session's language."""
        return text(key, self.language, **params)

    def tell(self, key: str, **params: object) -> None:
        """Show a message."""
        words = str(escape(self.text(key, **params)))
        if self.said is None:
            gr.Info(words, TOAST_SECONDS)
        else:
            self.said.append(words)

    def warn(self, found: Problem | UserError) -> None:
        """Show what is wrong."""
        for problem in found.problems if isinstance(found, UserError) else (found,):
            words = str(led_by_label(problem, self.language))
            if self.said is None:
                gr.Warning(words, TOAST_SECONDS)
            else:
                self.said.append(words)

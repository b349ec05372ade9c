"""A request's session: the login, the language, and messages in a corner of the page."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from markupsafe import escape

from kohya_gui.i18n.language import language_of
from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import message
from train_core.config.problems import Problem, UserError

TOAST_SECONDS = 12


@dataclass(frozen=True, kw_only=True)
class Session:
    """`user` is the name of the login, or "" without one."""

    user: str
    language: str

    @classmethod
    def of(cls, request: gr.Request, forced_language: str) -> Session:
        """The session that sent `request`."""
        return cls(user=request.username or "", language=language_of(request, forced_language))

    def text(self, key: str, **params: object) -> str:
        """The text of `key` in the session's language."""
        return text(key, self.language, **params)

    def tell(self, key: str, **params: object) -> None:
        """Show a message."""
        gr.Info(str(escape(self.text(key, **params))), TOAST_SECONDS, title=self.text("ui.toast.info"))

    def warn(self, found: Problem | UserError) -> None:
        """Show what is wrong."""
        for problem in found.problems if isinstance(found, UserError) else (found,):
            words = str(message(problem, self.language))
            gr.Warning(words, TOAST_SECONDS, title=self.text("ui.toast.warning"))

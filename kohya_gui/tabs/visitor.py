"""Who looks at the page: the login, the language, and how to tell them something."""

from __future__ import annotations

import html
from dataclasses import dataclass

import gradio as gr

from kohya_gui.i18n.language import language_of
from kohya_gui.i18n.messages import text, translate
from train_core.config.problems import Problem, UserError

TOAST_SECONDS = 12


@dataclass(frozen=True)
class Visitor:
    """`user` is the name of the login, or "" without one."""

    user: str
    language: str

    @classmethod
    def of(cls, request: gr.Request, forced_language: str) -> Visitor:
        """The visitor who sent `request`."""
        return cls(request.username or "", language_of(request, forced_language))

    def text(self, key: str, **params: object) -> str:
        """The text of `key` in the visitor's language."""
        return text(key, self.language, **params)

    def tell(self, key: str, **params: object) -> None:
        """Say something in a corner of the page."""
        gr.Info(html.escape(self.text(key, **params)), TOAST_SECONDS, title=self.text("ui.toast.info"))

    def warn(self, found: Problem | UserError) -> None:
        """Say what is wrong in a corner of the page."""
        for problem in found.problems if isinstance(found, UserError) else (found,):
            words = html.escape(translate(problem, self.language))
            gr.Warning(words, TOAST_SECONDS, title=self.text("ui.toast.warning"))

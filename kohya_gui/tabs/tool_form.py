"""The form of a tool, made from its settings, on whichever tab it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from kohya_gui.form.asked import asked_html, prompt_messages
from kohya_gui.form.controller import QUIET, FormController, Updates, stamp
from kohya_gui.form.grid_size import AXES, Said, grid_said
from kohya_gui.form.live import Answer, read_json, readable
from kohya_gui.form.opening import Dropped, Opened
from kohya_gui.form.pictures import PROMPTS, open_picture
from kohya_gui.form.reading import read_leniently
from kohya_gui.form.session import Session
from kohya_gui.form.widgets import build_form, key
from kohya_gui.runs import control, launch, tools
from kohya_gui.runs.follow import follower
from kohya_gui.runs.registry import ACTIVE
from kohya_gui.tabs.context import PageContext
from train_core.config.files import check_tool
from train_core.config.jobs import table
from train_core.config.jobs.grids import DrawGrid
from train_core.config.problems import UserError, problem
from train_core.facts.drawing import defaults_of

DRAWING = "draw_pictures"  # the section of tools that draw
ANY_SIZE = "512"  # of pictures that are not drawn


@dataclass(frozen=True, kw_only=True)
class ToolForm(FormController):
    """The form of one tool."""

    def answer(self, values: Mapping[str, Any], session: Session, more: Mapping[str, str]) -> Answer:
        config = read_leniently(self.job, values).config
        hidden = self.fields.hidden(config.flat())
        away = tuple(self.fields.empty_sections(hidden))
        drawn = getattr(config, DRAWING, None)
        if drawn is None:
            return Answer(hidden=dict.fromkeys(hidden, ""), away=away)
        typed, defaults = drawn.draw_prompts, defaults_of(drawn, ANY_SIZE)
        grid = grid_said(config, session.language) if isinstance(config, DrawGrid) else Said()
        return Answer(
            hidden=dict.fromkeys(hidden, ""), away=away,
            notes={PROMPTS: str(asked_html(typed, defaults, session.language, loads_networks=True)), AXES: grid.note},
            messages={PROMPTS: str(prompt_messages(typed, defaults, session.language)), AXES: grid.message},
        )

    def _hidden(self, values: Mapping[str, Any]) -> list[str]:
        return self.fields.hidden(read_leniently(self.job, values).config.flat())

    def opened(self, request: gr.Request) -> Updates:
        """The form as it was left."""
        session = self.session(request)
        return self.fill(self.load_draft(session), session)

    def open_dropped(self, dropped: Dropped, session: Session) -> Opened | None:
        """The settings that a picture was drawn with, for a form that draws."""
        if PROMPTS not in self.fields.widgets:
            return None
        return open_picture(dropped, self.complete(self.load_draft(session)), session.language, self.reach)

    def put(self, request: gr.Request, sent: str, *shown: Any) -> Updates:
        """Put values into the form that the page's script has written as JSON."""
        given = readable(read_json(sent), self.fields.widgets)
        if not given:
            return gr.skip()
        session, before = self.session(request), self.fields.read(shown)
        values = {**before, **given}
        self.keep(session, self.complete(values))
        return self.fill(values, session, before)

    def start(self, request: gr.Request, *shown: Any) -> Updates:
        """Start the tool, which the page's script then shows, or say why it cannot start."""
        session, values = self.session(request), self.fields.read(shown)
        hidden = self._hidden(values)
        try:
            shown_values = {name: value for name, value in values.items() if name not in hidden}
            launch.start(self.job, check_tool(self.job, shown_values, session.text("ui.the_form")))
        except UserError as error:
            return self.refuse(error, session)
        return {self.stamp: stamp()}


def build_tool(name: str, context: PageContext) -> ToolForm:
    """Lay out the form of the tool called `name` with its button, and connect its events."""
    job = table.job_of(name)
    place = gr.HTML(elem_id=f"{name}-stamp")
    draws = any(one.name == PROMPTS for one in job.settings())
    if draws:
        gr.Button(key("ui.picture.open"), size="sm", elem_id=f"{name}-open-picture", elem_classes="open-picture")
    # The page's script fills in the form through it.
    put = gr.Textbox(elem_id=f"{name}-put", elem_classes="put", show_label=False, container=False)
    fields = build_form(job, f"{name}-")
    run = gr.Button(key("ui.tool.run"), variant="primary", elem_id=f"run-{name}")
    form = ToolForm(
        job=job, fields=fields, stamp=place, language=context.language, draft=job.job_name, reach=context.reach
    )
    context.forms[job.job_name] = form
    form.connect_paths()
    run.click(form.start, fields.inputs, [place], **QUIET)
    put.change(form.put, [put, *fields.inputs], form.filled, **QUIET)
    return form


def cancel_tool(session: Session) -> None:
    """Ask the tool to end; asked a second time, end it at once."""
    folder = tools.newest()
    status = follower(folder).view().status if folder else None
    if folder is None or status not in ACTIVE:
        session.warn(problem("tool_has_ended", "The tool has already ended, so there is nothing left to cancel."))
    elif status == "stopping":
        control.kill(folder)
    else:
        control.stop(folder)

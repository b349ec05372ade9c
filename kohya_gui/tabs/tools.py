"""The LoRA tools tab: a form for each tool, made of its settings, and one place that shows the tool at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from kohya_gui.form.drafts import load_draft, save_draft
from kohya_gui.form.form_facts import fields_html
from kohya_gui.form.widgets import Form, build_form, key
from kohya_gui.runs import control, tools
from kohya_gui.runs.follow import follower
from kohya_gui.runs.registry import ACTIVE
from kohya_gui.tabs.visitor import Visitor
from kohya_gui.views.tool_html import tool_html
from train_core.config.files import check_tool
from train_core.config.job import Job
from train_core.config.jobs.tools import TOOLS
from train_core.config.parse import parse_values
from train_core.config.problems import UserError
from train_core.config.syntax.block_weights import own_lines_file, parse_own_lines
from train_core.config.whole_files import write_text

if TYPE_CHECKING:
    from kohya_gui.page import PageContext

QUIET: dict[str, Any] = {"show_progress": "hidden"}
Updates = dict[Any, Any]


@dataclass(frozen=True)
class Panel:
    """Where the tool at work is shown."""

    view: gr.HTML
    cancel: gr.Button
    seen: gr.State


@dataclass(frozen=True)
class ToolDesk:
    """One tool's form at work. `shown` is what its fields show."""

    job: type[Job]
    form: Form
    facts: gr.HTML
    panel: Panel
    language: str

    def opened(self, request: gr.Request) -> list[Any]:
        """The form as it was left, led by what hides the fields that do not apply."""
        values = load_draft(self._draft_of(request))
        readable = _readable(self.job, {s.name: values[s.name] for s in self.form.settings if s.name in values})
        return [fields_html(self.form, readable, self.form.hidden(readable), ()), *self.form.show(readable)]

    def typed(self, request: gr.Request, *shown: Any) -> str:
        """Keep the draft; what hides the fields that do not apply, and offers paths."""
        values = self.form.read(shown)
        save_draft(self._draft_of(request), values)
        return fields_html(self.form, values, self.form.hidden(_readable(self.job, values)), ())

    def _draft_of(self, request: gr.Request) -> str:
        return f"{Visitor.of(request, self.language).user}\n{self.job.job_name}"  # no login has a line break

    def start(self, request: gr.Request, seen: int, *shown: Any) -> Updates:
        """Start the tool, or say why it does not."""
        visitor, values = Visitor.of(request, self.language), self.form.read(shown)
        hidden = self.form.hidden(_readable(self.job, values))
        try:
            tools.start(check_tool(self.job, {name: v for name, v in values.items() if name not in hidden}, "the form"))
        except UserError as error:
            visitor.warn(error)
            return {self.facts: fields_html(self.form, values, hidden, error.problems)}
        return {self.facts: fields_html(self.form, values, hidden, ()), **look(self.panel, seen, visitor.language)}


def build_tools_tab(page: gr.Blocks, context: PageContext) -> None:
    """Lay out the tab inside `page` and connect its events."""
    built = []
    with gr.Tabs(elem_id="tools"):
        for name, job in TOOLS.items():
            with gr.Tab(key(f"section.{name}.title"), id=name, elem_id=f"tool-{name}"):
                facts = gr.HTML(elem_classes="tool-facts")
                form = build_form(job, f"{name}-")
                run = gr.Button(key("ui.tool.run"), variant="primary", elem_id=f"run-{name}")
            built.append((job, form, facts, run))
    with gr.Accordion(key("ui.tool.blocks.title"), open=False, elem_id="own-blocks"):
        lines = gr.Textbox(lines=4, max_lines=20, show_label=False, info=key("ui.tool.blocks.help"),
                           elem_id="own-block-lines")
        save = gr.Button(key("ui.tool.blocks.save"), size="sm", elem_id="save-block-lines")
    panel = Panel(
        gr.HTML(elem_id="tool-view"), gr.Button(key("ui.tool.cancel"), visible=False, elem_id="cancel-tool"),
        gr.State(0),
    )
    outputs = [panel.view, panel.cancel, panel.seen]
    for job, form, facts, run in built:
        desk = ToolDesk(job, form, facts, panel, context.language)
        page.load(desk.opened, None, [facts, *form.inputs], **QUIET)
        gr.on(form.edits, desk.typed, form.inputs, [facts], trigger_mode="always_last", **QUIET)
        run.click(desk.start, [panel.seen, *form.inputs], [facts, *outputs], **QUIET)

    def watch(request: gr.Request, seen: int) -> Updates:
        return look(panel, seen, Visitor.of(request, context.language).language)

    def keep(request: gr.Request, text: str) -> None:
        keep_own_lines(text, Visitor.of(request, context.language))

    gr.on([page.load, gr.Timer(1.0).tick], watch, [panel.seen], outputs, **QUIET)
    panel.cancel.click(cancel, None, None, **QUIET)
    page.load(own_lines, None, [lines], **QUIET)
    save.click(keep, [lines], None, **QUIET)


def _readable(job: type[Job], values: dict[str, Any]) -> dict[str, Any]:
    """All values of the tool, with defaults for what cannot be read."""
    readable = {name: value for name, value in values.items() if not parse_values(job, {name: value}).errors}
    config = parse_values(job, readable).config
    assert config is not None  # nothing that cannot be read is left
    return config.flat()


def look(panel: Panel, seen: int, language: str) -> Updates:
    """Updates for what is new of the last used tool."""
    folder = tools.newest()
    view = follower(folder).view() if folder else None
    state = hash((language, view and (view.id, view.status, view.revision.status)))
    if state == seen:
        return {panel.seen: seen}
    active = view is not None and view.status in ACTIVE
    return {panel.view: tool_html(view, language), panel.cancel: gr.update(visible=active), panel.seen: state}


def cancel() -> None:
    """Ask the tool to end; asked again, end it at once."""
    folder = tools.newest()
    if folder is None:
        return
    if follower(folder).view().status == "stopping":
        control.kill(folder)
    else:
        control.stop(folder)


def own_lines() -> str:
    """The user's own block weights, as typed."""
    path = own_lines_file()
    return path.read_text(encoding="utf-8-sig") if path.is_file() else ""


def keep_own_lines(text: str, visitor: Visitor) -> None:
    """Write the user's own block weights, unless a line is wrong, which is said."""
    try:
        lines = parse_own_lines(text)
    except UserError as error:
        visitor.warn(error)
        return
    write_text(own_lines_file(), text.strip() + "\n")
    visitor.tell("ui.tool.blocks.saved", count=len(lines))

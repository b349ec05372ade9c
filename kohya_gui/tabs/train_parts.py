"""The parts of the Train tab around the form: the bar, its menu, the tools above the form, and the text panel."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import gradio as gr

from kohya_gui.form.widgets import key
from kohya_gui.runs.shells import shells
from kohya_gui.tabs.filled_dropdown import filled_dropdown
from train_core.config.job import Job
from train_core.config.jobs import table
from train_core.config.jobs.table import job_of
from train_core.config.jobs.train import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Toolbar:
    """What must never scroll away: the preset, the steps, what is wrong, start and stop; the rest is in a menu.

    The steps and the count of problems are filled by the page's script. `put` is a field that nobody sees: the script
    writes values there that belong into the form.
    """

    preset: gr.Dropdown
    save: gr.Button
    save_as: gr.Button
    export: gr.Button
    export_kohya: gr.Button
    command: gr.Button
    reset: gr.Button
    preparing: dict[type[Job], gr.Button]
    queue: gr.Button
    start: gr.Button
    stop: gr.Button
    name_row: gr.Row
    name: gr.Textbox
    confirm: gr.Button
    cancel: gr.Button
    put: gr.Textbox


def build_toolbar() -> Toolbar:
    """The bar, its menu, and the row that asks for a preset's name when it is needed."""
    with gr.Row(elem_id="toolbar", equal_height=True):
        preset = filled_dropdown("preset")
        gr.HTML('<div id="preset-state"></div>', elem_id="preset-state-box")
        gr.HTML('<div id="step-line" class="step-line"></div>', elem_id="step-line-box")
        gr.HTML('<div id="counts"></div>', elem_id="counts-box")
        stop = gr.Button(key("ui.stop"), elem_id="stop", visible=False)
        queue = gr.Button(key("ui.queue.add"), elem_id="queue")
        start = gr.Button(key("ui.start"), variant="primary", elem_id="start")
        gr.Button("⋯", elem_id="more")
        with gr.Column(elem_id="menu"):
            gr.Button(key("ui.open_file"), elem_id="open-file")  # the script opens it
            save, save_as = _entry("save"), _entry("save_as")
            gr.Button(key("ui.manage_presets"), elem_id="manage-presets")  # the script opens the dialog
            export, export_kohya, command = (_entry(name) for name in ("export", "export_kohya", "command"))
            preparing = {
                job: gr.Button(key(f"job.{job.job_name}.title"), elem_id=job.job_name.replace("_", "-"))
                for job in preparing_jobs()
            }
            reset = _entry("reset")
    with gr.Row(visible=False, elem_id="name-row", equal_height=True) as name_row:
        name = gr.Textbox(
            show_label=False, container=False, placeholder=key("ui.preset.name"), max_lines=1, elem_id="preset-name"
        )
        confirm = gr.Button(key("ui.save"), size="sm", elem_id="preset-confirm")
        cancel = gr.Button(key("ui.cancel"), size="sm", elem_id="preset-cancel")
    put = gr.Textbox(elem_id="put", show_label=False, container=False)
    return Toolbar(
        preset=preset, save=save, save_as=save_as, export=export, export_kohya=export_kohya, command=command,
        reset=reset, preparing=preparing, queue=queue, start=start,
        stop=stop, name_row=name_row, name=name, confirm=confirm, cancel=cancel, put=put,
    )  # fmt: skip


def _entry(name: str) -> gr.Button:
    return gr.Button(key(f"ui.{name}"), elem_id=name.replace("_", "-"))


def preparing_jobs() -> list[type[Job]]:
    """The jobs that prepare a training: they take its settings, and are started next to it. A try keeps nothing."""
    jobs = [job_of(row.name) for row in table.jobs()]
    return [job for job in jobs if issubclass(job, TrainConfig) and job is not TrainConfig and job.keeps_run]


@dataclass(frozen=True)
class FormTools:
    """Undo and redo; how much of the form is shown and the search are the script's alone."""

    undo: gr.Button
    redo: gr.Button


def build_form_tools() -> FormTools:
    """The row above the form."""
    with gr.Row(elem_id="form-tools", equal_height=True):
        gr.Textbox(
            show_label=False, container=False, placeholder=key("ui.search"), max_lines=1, elem_id="search",
            html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocomplete="off"),
        )  # fmt: skip
        depths = [(key(f"ui.depth.{depth}"), depth) for depth in ("essential", "usual", "all", "changed")]
        gr.Radio(depths, value="usual", show_label=False, container=False, elem_id="depth", interactive=True)
        undo = gr.Button("↶", elem_id="undo", size="sm")
        redo = gr.Button("↷", elem_id="redo", size="sm")
    gr.HTML(elem_id="found-box")
    return FormTools(undo, redo)


def build_target() -> None:
    """A number of steps to reach, and the ways there, which the script shows."""
    with gr.Row(elem_id="target", equal_height=True):
        gr.Textbox(
            show_label=False, container=False, placeholder=key("ui.target.placeholder"), max_lines=1,
            elem_id="target-steps",
        )  # fmt: skip
        gr.HTML('<div id="offers"></div>', elem_id="offers-box")


@dataclass(frozen=True, kw_only=True)
class OutputPanel:
    """Components that show a command or a file's text."""

    box: gr.Group
    title: gr.Markdown
    commands: dict[str, gr.Textbox]  # by the shell that each is for
    text: gr.Textbox
    download: gr.HTML
    close: gr.Button


def build_output_panel() -> OutputPanel:
    """The panel, hidden until something is shown in it."""
    with gr.Group(visible=False, elem_id="output-panel") as box:
        with gr.Row(equal_height=True):
            title = gr.Markdown(elem_id="output-title")
            close = gr.Button(key("ui.close"), size="sm", scale=0, min_width=80, elem_id="output-close")
        commands = {
            shell: _text(shell, 2, 6, "-".join(["output-command", *([shell.lower()] if number else [])]))
            for number, shell in enumerate(shells(sys.platform == "win32"))
        }
        text = _text("TOML", 6, 18, "output-text")
        download = gr.HTML(elem_id="output-download")
    return OutputPanel(box=box, title=title, commands=commands, text=text, download=download, close=close)


def _text(label: str, lines: int, max_lines: int, elem_id: str) -> gr.Textbox:
    """Text to copy."""
    return gr.Textbox(
        label=label, lines=lines, max_lines=max_lines, interactive=False, buttons=["copy"], elem_id=elem_id
    )

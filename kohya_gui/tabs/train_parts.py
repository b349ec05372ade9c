"""The parts of the Train tab around the form: the buttons, the target steps, and the panel that shows text."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import gradio as gr

from kohya_gui.form.widgets import key
from kohya_gui.runs.shells import shells
from train_core.config.job import Job
from train_core.config.jobs import table
from train_core.config.jobs.table import job_of
from train_core.config.jobs.train import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Toolbar:
    """Presets on the left, start and stop on the right."""

    preset: gr.Dropdown
    load: gr.Button
    save: gr.Button
    save_as: gr.Button
    export: gr.Button
    command: gr.Button
    start: gr.Button
    stop: gr.Button
    name_row: gr.Row
    name: gr.Textbox
    confirm: gr.Button
    cancel: gr.Button


def build_toolbar() -> Toolbar:
    """The row of buttons, and the row that asks for a preset's name when it is needed."""
    with gr.Row(elem_id="toolbar", equal_height=True):
        preset = gr.Dropdown([], show_label=False, container=False, elem_id="preset", interactive=True)
        load, save, save_as = (_button(name) for name in ("load", "save", "save_as"))
        export, command = (_button(name) for name in ("export", "command"))
        start = gr.Button(key("ui.start"), variant="primary", size="md", elem_id="start")
        stop = gr.Button(key("ui.stop"), variant="stop", size="md", elem_id="stop", interactive=False)
    with gr.Row(visible=False, elem_id="name-row", equal_height=True) as name_row:
        name = gr.Textbox(
            show_label=False, container=False, placeholder=key("ui.preset.name"), max_lines=1, elem_id="preset-name"
        )
        confirm = gr.Button(key("ui.save"), size="sm", elem_id="preset-confirm")
        cancel = gr.Button(key("ui.cancel"), size="sm", elem_id="preset-cancel")
    return Toolbar(
        preset=preset, load=load, save=save, save_as=save_as, export=export, command=command, start=start, stop=stop,
        name_row=name_row, name=name, confirm=confirm, cancel=cancel,
    )  # fmt: skip


def _button(name: str) -> gr.Button:
    return gr.Button(key(f"ui.{name}"), size="md", elem_id=name.replace("_", "-"))


@dataclass(frozen=True)
class Target:
    """Components for a target number of steps and ways to reach it, beside the jobs that prepare a training."""

    steps: gr.Textbox
    offers: gr.Radio
    apply: gr.Button
    preparing: dict[type[Job], gr.Button]


def preparing_jobs() -> list[type[Job]]:
    """The jobs that prepare a training: they take its settings, and are started next to it."""
    jobs = [job_of(row.name) for row in table.jobs()]
    return [job for job in jobs if issubclass(job, TrainConfig) and job is not TrainConfig]


def build_target() -> Target:
    """A number, choices that appear once it is typed, and a button for each job that prepares a training."""
    with gr.Row(elem_id="target", equal_height=True):
        steps = gr.Textbox(
            show_label=False, container=False, placeholder=key("ui.target.placeholder"), max_lines=1, scale=0,
            min_width=230, elem_id="target-steps",
        )  # fmt: skip
        offers = gr.Radio([], show_label=False, container=False, visible=False, scale=3, elem_id="target-offers")
        apply = gr.Button(key("ui.target.apply"), size="sm", visible=False, elem_id="target-apply")
        preparing = {
            job: gr.Button(key(f"job.{job.job_name}.title"), size="sm", elem_id=job.job_name.replace("_", "-"))
            for job in preparing_jobs()
        }
    return Target(steps, offers, apply, preparing)


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

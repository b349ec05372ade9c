"""The Runs tab: the queue and the history of runs. assets/runs.js fills it in from the routes of server/runs.py."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from markupsafe import Markup

SHELL = Markup("""
<section class="card" aria-live="off">
  <div class="runs-head" id="queue-head"></div><div id="queue-end"></div>
  <ol class="runs-list" id="queue-rows"></ol>
</section>
<section class="card">
  <div class="runs-head" id="history-head"></div><div class="runs-tags" id="history-tags"></div>
  <div id="history-empty"></div>
  <ul class="runs-list" id="history-rows"></ul>
  <div class="runs-pages" id="history-pages"></div>
</section>
<section class="card" id="run-details" hidden></section>
<dialog id="runs-dialog" class="card"></dialog>
""")


@dataclass(frozen=True)
class RunsTab:
    """The tab's part that others listen to: the path of a settings file, put in when somebody wants it in the form."""

    load: gr.Textbox


def build_runs() -> RunsTab:
    """Lay out the tab. Everything in it is drawn by the server in the browser's language, see server/runs.py."""
    gr.HTML(SHELL, elem_id="runs", padding=False)
    return RunsTab(gr.Textbox(show_label=False, container=False, elem_id="runs-load"))

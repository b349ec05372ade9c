"""Names, prompts, paths and messages stay text wherever the page shows them as HTML."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kohya_gui.form.controller import stamp
from kohya_gui.form.form_facts import counts_html, field_messages, offers_html, step_line_html
from kohya_gui.form.validate_form import check_form
from kohya_gui.plan.plan import plan_of
from kohya_gui.plan.plan_html import notes_card
from kohya_gui.runs.details.console import Console, Line, Piece
from kohya_gui.runs.details.epochs import Row as Epoch
from kohya_gui.runs.details.files import RunFile
from kohya_gui.runs.follow import RunView, Sample, Saved, Table
from kohya_gui.runs.history.deleting import Belongings
from kohya_gui.runs.history.differences import Difference
from kohya_gui.runs.history.notes import Notes
from kohya_gui.runs.history.searching import Found, Query, Row
from kohya_gui.runs.history.summary import Summary
from kohya_gui.runs.queue.listing import Listed
from kohya_gui.runs.queue.queue_file import Entry, Queue
from kohya_gui.runs.registry import RunInfo
from kohya_gui.tabs.train_actions import _download
from kohya_gui.views import opened_console, opened_html, queue_html, run_dialogs, runs_html
from kohya_gui.views.run_html import charts_html, console_html, samples_html, status_html
from kohya_gui.views.sources_html import sources_html
from kohya_gui.views.tool_html import tool_html
from tests.pictures import image_folder
from train_core.config.places import app_dir
from train_core.config.problems import Problem

HOSTILE = "\"'></b><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"


class Elements(HTMLParser):
    """The tags and attributes that a browser would find, and all that it would show as text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.shown = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.shown += "".join(value or "" for _, value in attrs)

    def handle_data(self, data: str) -> None:
        self.shown += data


def hostile_run(**known: object) -> RunView:
    found = Problem("code_of_a_later_version", HOSTILE, {"name": HOSTILE})
    picture = Sample(path=Path(f"/out/{HOSTILE}.png"), prompt=HOSTILE, index=0, step=1, epoch=1, seed=7)
    return RunView(
        HOSTILE, stage=HOSTILE, console=HOSTILE, said={HOSTILE: HOSTILE}, result=HOSTILE,
        rates={HOSTILE: {"unet_lr": 1e-4}},
        samples=[picture], saved=[Saved(Path(HOSTILE), 1, 1, False)],
        tables=[Table(HOSTILE, [HOSTILE, "fact", "norm"], [[HOSTILE, HOSTILE, 1.0], [HOSTILE, "x", HOSTILE]])],
        lr_curves={HOSTILE: [(1, 1e-4)]}, losses=[(1, 0.1)],
        notices=[found], warnings=[found], errors=[found], **known,
    )  # fmt: skip


def run_views(language: str) -> list[str]:
    views = [hostile_run(status=status) for status in ("running", "failed")]
    return [
        html
        for view in [*views, replace(views[0], job="class_images")]
        for html in (
            status_html(view, language), charts_html(view, language), samples_html(view, "pictures/", language),
            console_html(view, language),
        )
    ] + [tool_html(view, "pictures/", language) for view in views]  # fmt: skip


def history_views(language: str) -> list[str]:
    """The queue, the history and the dialogs about a run."""
    found = Problem("code_of_a_later_version", HOSTILE, {"name": HOSTILE})
    info = RunInfo(HOSTILE, Path(HOSTILE), HOSTILE, datetime(2026, 1, 1), "failed", 1, 2)
    notes = Notes(HOSTILE, (HOSTILE,))
    row = Row(info, notes, Summary(job=HOSTILE, error=found, samples=((1, Path(f"/x/{HOSTILE}.png")),)))
    page = Found((row,), 1, 2, 1, 1, (HOSTILE,))
    entry = Entry(HOSTILE, refused=(found,))
    runs = [Listed(entry, "refused", info), Listed(entry, "running", replace(info, status="running"))]
    queue = Queue((entry,), command=(HOSTILE,), when_empty="command", trouble=found)
    paths = Belongings(Path(HOSTILE), (Path(HOSTILE),), (Path(HOSTILE),), 1)
    return [
        queue_html.queue_head_html(queue, runs, True, language), queue_html.queue_end_html(queue, language),
        *(html for _, html in queue_html.queue_rows(runs, 0.0, language)),
        runs_html.history_tags_html(page, Query(tag=HOSTILE), language),
        *(html for _, html in runs_html.history_rows(page, "runs/", language)),
        run_dialogs.note_dialog(HOSTILE, HOSTILE, notes, language),
        run_dialogs.at_dialog(HOSTILE, HOSTILE, HOSTILE, language),
        run_dialogs.edit_dialog(HOSTILE, HOSTILE, HOSTILE, language),
        run_dialogs.kill_dialog(HOSTILE, HOSTILE, language),
        run_dialogs.delete_dialog(HOSTILE, HOSTILE, paths, language),
        run_dialogs.differences_dialog((HOSTILE, HOSTILE), [Difference(HOSTILE, HOSTILE, [HOSTILE])], language),
        *opened_views(row, language),
    ]  # fmt: skip


def opened_views(row: Row, language: str) -> list[str]:
    """An opened run."""
    file = RunFile(HOSTILE, Path(HOSTILE), "epoch", 1, 1)
    epoch = Epoch(1, 1, 0.1, None, {HOSTILE: 1e-4, "unet": 1e-5}, (file,), (Path(f"/x/{HOSTILE}.png"),))
    found = Problem("code_of_a_later_version", HOSTILE, {"name": HOSTILE})
    line = Line(1, "error", (Piece(HOSTILE, "red"), Piece(HOSTILE, found=True)))
    said = Line(1, "", (Piece(HOSTILE),))
    return [
        opened_html.head_html(row, [found], language),
        opened_html.files_html(HOSTILE, [epoch], "runs/x/", True, language),
        run_dialogs.evaluate_later_dialog(HOSTILE, HOSTILE, ["own"], "own", language),
        run_dialogs.evaluate_dialog(
            HOSTILE, {"own": {"draw_prompts": HOSTILE}}, {"score": {"score_model": HOSTILE}}, language
        ),
        run_dialogs.tools_dialog(HOSTILE, Path(HOSTILE), {"inspect": "inspected"}, language),
        opened_html.shell_html([row.info], language),
        opened_console.lines_html(Console((line, said), 2), {HOSTILE: HOSTILE}, language),
    ]


def form_views(tmp_path: Path, language: str) -> list[str]:
    name = "5_" + HOSTILE.replace("/", "∕")  # a folder's name holds all but the slash
    image_folder(tmp_path / "images", name, [(64, 64)] * 2, "a dog")
    image_folder(tmp_path / "reg", name, [(64, 64)] * 2, "a dog")
    values = {
        "train_data_dir": str(tmp_path / "images"), "reg_data_dir": str(tmp_path / "reg"), "resolution": "64",
        "output_name": HOSTILE, "network_dim": HOSTILE, "pretrained_model_name_or_path": f"/{HOSTILE}",
    }
    found = check_form(values, HOSTILE)
    return [
        notes_card(plan_of(found), language), sources_html(found.trained, 1, language), str(stamp(found.errors)),
        counts_html(found, language), *field_messages(found, language).values(), offers_html(found, "1500", language),
        step_line_html(found, language), _download(HOSTILE, HOSTILE, HOSTILE),
    ]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_nothing_that_people_or_files_say_becomes_a_part_of_the_page(tmp_path: Path, language: str) -> None:
    for html in [*run_views(language), *history_views(language), *form_views(tmp_path, language)]:
        found = Elements(html)
        assert "script" not in found.tags
        assert not [name for name in found.attributes if name.startswith("on")]
    for html in run_views(language):
        assert "onerror=alert" in Elements(html).shown or "chart" in html  # it is shown, as text
    assert sum("onerror=alert" in Elements(html).shown for html in form_views(tmp_path / "again", language)) >= 5


def test_html_is_never_put_together_by_plain_formatting() -> None:
    """Only `Markup` templates hold tags, and these escape what they are filled with."""
    wrong = [
        f"{path.name}:{node.lineno}"
        for path in sorted((app_dir() / "kohya_gui").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr)
        and any(isinstance(part, ast.Constant) and re.search(r"</?[a-z]+[ >]", str(part.value)) for part in node.values)
    ]
    assert not wrong

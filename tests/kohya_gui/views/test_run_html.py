"""A run is shown as it stands, in the language of the page, and its texts stay texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.runs.follow import RunView, Sample, Saved
from kohya_gui.views.run_html import charts_html, console_html, duration_text, samples_html, speed_text, status_html
from kohya_gui.views.tool_html import table_html
from train_core.config.phrases import phrase, to_plain
from train_core.config.problems import problem
from train_core.events.kinds import Table

RUN = "20260101-000000-a b"


def sample(step: int, index: int, prompt: str = "a dog") -> Sample:
    path = Path(f"/out/sample/狗 {step}_{index}.png")
    return Sample(path=path, prompt=prompt, index=index, step=step, epoch=step // 10, seed=7)


def test_a_running_training_shows_its_figures():
    known = {"step": 30, "total_steps": 120, "epoch": 1, "epochs": 4, "average": 0.123456, "speed": 2.5, "eta": 36}
    view = RunView(RUN, status="running", **known)
    shown = status_html(view, "en")
    for text in ("running", "width:25.0%", "30 / 120", "1 / 4", "0.1235", "2.5 steps/s", "0:36"):
        assert text in shown, text


def test_a_stage_that_the_page_does_not_know_is_shown_as_it_is():
    view = RunView(RUN, status="running", stage="<polishing>", stage_done=1, stage_total=3)
    assert "&lt;polishing&gt; 1/3" in status_html(view, "zh-CN")


def test_a_failed_run_says_why_in_the_language_of_the_page():
    found = problem("bf16_not_supported", "{card} does not support bf16. Set mixed_precision to fp16.", card="<GTX>")
    view = RunView(RUN, status="failed", errors=[found])
    assert "&lt;GTX&gt; does not support bf16" in status_html(view, "en")
    assert "&lt;GTX&gt; 不支持 bf16" in status_html(view, "zh-CN")


def test_the_verdict_of_a_validation_is_shown_and_its_curve_drawn():
    words = "{count} images are not trained on, only used for validation: {folders}."
    said = problem("validation_images", words, count=3, folders="3 of <a>")
    view = RunView(RUN, status="completed", notices=[said], validations=[(10, 0.2), (20, 0.1)])
    assert "3 of &lt;a&gt;" in status_html(view, "en")
    assert "不参加训练" in status_html(view, "zh-CN")
    assert "validation <b>0.1</b>" in charts_html(view, "en")
    assert "验证 <b>0.1</b>" in charts_html(view, "zh-CN")


def test_a_stopped_run_says_where_its_file_is():
    view = RunView(RUN, status="stopped", saved=[Saved(Path("/out/a-step00000003.safetensors"), 3, 1, False)])
    assert "/out/a-step00000003.safetensors" in status_html(view, "en")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_without_any_run_every_part_is_drawn(language: str):
    assert status_html(None, language)
    assert charts_html(None, language) == samples_html(None, "pictures/", language) == ""
    assert console_html(None, language) == ""


def test_pictures_come_newest_first_by_addresses_that_never_change():
    view = RunView(RUN, samples=[sample(10, 0), sample(10, 1), sample(20, 1), sample(20, 0)])
    shown = samples_html(view, "pictures/", "en")
    order = [shown.index(f"{step}_{index}.png") for step, index in ((20, 0), (20, 1), (10, 0), (10, 1))]
    assert order == sorted(order)
    assert "pictures/20260101-000000-a%20b/%E7%8B%97%2020_0.png" in shown


def test_pictures_drawn_by_step_and_for_the_epoch_of_that_step_stand_in_one_row_each():
    drawn = [Sample(path=Path(f"/out/{epoch}_{index}.png"), prompt="", index=index, step=8, epoch=epoch, seed=7)
             for epoch in (0, 1) for index in (0, 1)]  # fmt: skip
    shown = samples_html(RunView(RUN, samples=drawn), "pictures/", "en")
    assert shown.count('class="sample-step"') == 2
    assert shown.index("1_1.png") < shown.index("0_0.png")


def test_prompts_and_console_lines_stay_text():
    view = RunView(RUN, samples=[sample(1, 0, '"><script>alert(1)</script>')], console="<b>loss</b>")
    assert "<script" not in samples_html(view, "pictures/", "en")
    assert "&lt;b&gt;loss" in console_html(view, "en")


def test_durations_and_speeds_are_readable():
    assert [duration_text(s) for s in (None, 0, 59.6, 3725)] == ["–", "0:00", "1:00", "1:02:05"]
    assert [speed_text(s, "en") for s in (None, 0.0, 0.25, 12.34)] == ["–", "–", "4.0 s/step", "12.3 steps/s"]


def test_phrases_in_a_tools_table_are_said_in_the_readers_language() -> None:
    cells = [to_plain(phrase("score_undecided", "too few to decide")), 1.0]
    table = Table("scores", ["fidelity", "weight"], [cells])
    assert "<td>too few to decide</td>" in table_html(table, "en")
    assert "<td>太少，无法判断</td>" in table_html(table, "zh-CN")
    assert "too few to decide  1" in table.words()

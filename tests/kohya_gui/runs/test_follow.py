"""A run as the page sees it."""

from __future__ import annotations

import json
import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kohya_gui.runs import registry
from kohya_gui.runs.curve import decimate
from kohya_gui.runs.follow import RunFollower, console_tail, follower
from kohya_gui.runs.process import Identity, identify, remember
from kohya_gui.views.run_html import charts_html, console_html, samples_html, status_html
from kohya_gui.views.tool_html import tool_html
from tests.event_lines import EventLog, read_events
from tests.kohya_gui.runs.conftest import new_run_folder
from tests.odd_events import any_line
from train_core.config.places import runs_dir

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, max_size=3000), st.integers(4, 200))
def test_a_curve_keeps_its_ends_peaks_and_order(values, limit):
    points = list(enumerate(values))
    kept = decimate(points, limit)
    assert len(kept) <= max(limit, 0)
    assert sorted(kept) == kept
    assert set(kept) <= set(points)
    if points:
        assert (kept[0], kept[-1]) == (points[0], points[-1])
        assert min(v for _, v in kept) == min(values)
        assert max(v for _, v in kept) == max(values)


def a_log():
    folder = new_run_folder("x")
    (folder / "config.toml").touch()
    return folder, EventLog(folder / "events.jsonl")


def test_the_view_grows_with_the_events():
    folder, log = a_log()
    view = RunFollower(folder).view
    assert view().status == "lost"  # events without a process that lives
    log.write("started", total_steps=40, epochs=2)
    log.write("stage", name="caching", done=3, total=8)
    seen = view()
    assert (seen.stage, seen.stage_done, seen.stage_total, seen.total_steps) == ("caching", 3, 8, 40)
    for step in (1, 2):
        log.write(
            "progress", step=step, total_steps=40, epoch=1, epochs=2, loss=0.5 / step, average=0.4,
            lr={"unet": 1e-4 * step}, speed=2.0, eta=19.0,
        )  # fmt: skip
    log.write("sample", path="/out/sample/a.png", prompt="a fox", index=1, step=2, epoch=1, seed=7)
    log.write("saved", path="/out/x-step2.safetensors", step=2, epoch=1, final=False)
    log.write("warning", code="w", text="careful", params={"a": 1})
    seen = view()
    assert (seen.step, seen.epoch, seen.loss, seen.speed, seen.eta) == (2, 1, 0.25, 2.0, 19.0)
    assert seen.losses == [(1, 0.5), (2, 0.25)]
    assert seen.lr_curves == {"unet": [(1, 1e-4), (2, 2e-4)]}
    assert [(s.path.name, s.prompt, s.seed) for s in seen.samples] == [("a.png", "a fox", 7)]
    assert [s.path.name for s in seen.saved] == ["x-step2.safetensors"]
    assert [(w.code, w.params) for w in seen.warnings] == [("w", {"a": 1})]
    log.write("finished", status="completed", path="/out/x.safetensors")
    assert (view().status, view().result) == ("completed", "/out/x.safetensors")


def test_validations_and_what_is_good_to_know_reach_the_view_once():
    folder, log = a_log()
    view = RunFollower(folder).view
    for step, loss in ((10, 0.2), (20, None), (30, 0.1)):
        log.write("validation", step=step, epoch=1, loss=loss, best_step=10, best_loss=0.2)
    for _ in range(2):
        log.write("notice", code="validation_images", text="3 images", params={"count": 3, "folders": "3 of dogs"})
    assert view().validations == [(10, 0.2), (30, 0.1)]
    assert [found.code for found in view().notices] == ["validation_images"]


def test_unknown_kinds_and_torn_lines_are_passed_over():
    folder, log = a_log()
    log.write("from_the_future", anything=1)
    log.write("progress", step=1)
    (folder / "events.jsonl").open("a").write('{"kind": "progress", "step"')
    assert RunFollower(folder).view().step == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_line, max_size=6))
def test_a_run_is_drawn_and_listed_whatever_its_events_hold(crucible_home, lines):
    folder = runs_dir() / "20260101-000000-odd"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").touch()
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    view = RunFollower(folder).view()
    drawn = status_html(view, "en") + charts_html(view, "en") + samples_html(view, "pictures/", "en")
    assert (drawn + tool_html(view, "pictures/", "en")).encode("utf-8")
    assert registry.read_run(folder).id == folder.name


def test_charts_get_a_thousand_points_of_a_long_run():
    folder, log = a_log()
    for step in range(2500):
        log.write("progress", step=step, loss=float(step % 7))
    assert len(RunFollower(folder).view().losses) <= 1000


def test_a_lost_run_says_so_with_the_end_of_its_console():
    folder, log = a_log()
    log.write("started", total_steps=1, epochs=1)
    remember(folder, Identity(2**22 + 1, 1.0))
    (folder / "console.log").write_text("fine\nKilled\n\n")
    view = RunFollower(folder).view
    assert [e.code for e in view().errors] == ["run_lost"]
    assert "Killed" in view().errors[0].text
    assert len(view().errors) == 1


def test_last_words_said_while_we_look_are_heard(monkeypatch):
    folder, log = a_log()
    log.write("started", total_steps=1, epochs=1)
    remember(folder, Identity(2**22 + 1, 1.0))

    def the_process_ends_just_now(identity):
        if not any(event["kind"] == "finished" for event in read_events(folder / "events.jsonl")):
            log.write("finished", status="completed", path="")

    monkeypatch.setattr(registry, "find", the_process_ends_just_now)
    seen = RunFollower(folder).view()
    assert (seen.status, seen.errors) == ("completed", [])


def test_a_bar_drawn_over_and_over_is_one_line_of_the_console(tmp_path):
    log = tmp_path / "console.log"
    log.write_bytes("Größe\r\n 1%|\r 2%|\r 3%|".encode())
    assert console_tail(log) == "Größe\n 3%|"
    log.write_bytes(b"x" * 100_000 + b"\nlast\n")
    assert console_tail(log) == "last"
    assert console_tail(tmp_path / "none") == ""


def test_the_console_speaks_the_readers_language_where_events_are_told():
    folder, log = a_log()
    view = RunFollower(folder).view
    console = folder / "console.log"
    log.write("stage", name="caching", done=3, total=8)
    log.write("warning", code="no_such_preset", text="There is no preset x.", params={"name": "x"})
    log.write("rate_found", rate=1, settled=True, steps=9, suggestions={"AdamW": {"unet_lr": 1e-4}, "Lion": {}})
    view()
    said = ["Encoding the images …", "Encoding the images: 3 of 8", "Warning: There is no preset x."]
    console.write_text("\n".join([*said, "odd: 3 of 8", "For AdamW: unet_lr = 0.0001", "For Lion: "]), encoding="utf-8")
    english, chinese = (console_html(view(), language).replace("</pre></div>", "") for language in ("en", "zh-CN"))
    assert english.endswith("\n".join([*said, "odd: 3 of 8", "For AdamW: unet_lr = 0.0001", "For Lion: "]))
    assert "正在缓存 latents：3 / 8" in chinese and "odd: 3 of 8" in chinese and "AdamW：unet_lr" in chinese
    assert not any(line in chinese for line in said[:2]) and "警告：" in chinese


def test_everyone_who_looks_at_a_run_shares_its_follower(tmp_path):
    assert follower(tmp_path) is follower(tmp_path)


def test_the_page_says_which_stage_of_the_rate_it_is_and_when_the_next_may_begin():
    folder, log = a_log()
    remember(folder, identify(os.getpid()))
    follow = RunFollower(folder)
    for stage in (1, 2):
        log.write("rate_stage", step=stage, stage=stage, stages=2, value=0.1 / stage, pressed=stage > 1)
        drawn = status_html(follow.view(), "en")
        assert f"Stage {stage} of 2 of the learning rate: {0.1 / stage:g}" in drawn
        assert "they are alike" not in drawn
        log.write("notice", code="samples_alike", text="they are alike", params={"percent": "0.1"})
        assert "they are alike" in status_html(follow.view(), "en")
    log.write("finished", status="completed", path="/out/x.pt")
    drawn = status_html(follow.view(), "en")
    assert "they are alike" not in drawn
    assert "of the learning rate" not in drawn

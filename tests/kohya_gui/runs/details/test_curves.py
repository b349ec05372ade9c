"""The curves of an opened run: all that its events have, few enough points, and no peak lost."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kohya_gui.runs.details.curves import MOST_POINTS, curves_of, thinned
from kohya_gui.runs.details.record import Record, record_of
from kohya_gui.views.opened_charts import charts_json
from tests.odd_events import any_line
from train_core.events.kinds import Progress, Validated

Trained = Callable[..., Path]


def progress(step: int, loss: float | None = 0.5, **more: object) -> Progress:
    known = {"epoch": 1, "epochs": 1, "average": 0.25, "lr": {"unet": 1e-4}, "speed": 2.0, "eta": None, **more}
    return Progress(step=step, total_steps=9, loss=loss, **known)


def test_loss_rates_speed_and_what_is_by_epoch_are_curves(trained: Trained) -> None:
    curves = {(one.kind, one.part): one for one in curves_of(record_of(trained()))}
    assert {kind for kind, _ in curves} == {"loss", "average", "epoch", "validation", "lr", "speed"}
    assert curves["loss", ""].steps == list(range(1, 31))
    assert (curves["epoch", ""].steps, curves["epoch", ""].values) == ([10, 20, 30], [0.5, 0.25, 0.16667])
    assert curves["validation", ""].values == [0.25, 0.125, 0.083333]


def test_gradients_memory_and_the_estimate_of_d_are_drawn_where_events_have_them() -> None:
    reports = [
        progress(1, grad_norm=3.0, memory=2**31, lr={"unet": 0.5, "d*lr": 5e-7}),
        progress(2, lr={"unet": 0.0, "d*lr": 0.0}),
    ]
    curves = {(one.kind, one.part): one.values for one in curves_of(Record(progress=reports))}
    assert curves["grad_norm", ""] == [3.0, None]
    assert curves["memory", ""] == [2.0, None]
    assert curves["d", ""] == [1e-6, None]
    assert curves["d", "d*lr"] == [5e-7, 0.0]
    assert curves["lr", "unet"] == [0.5, 0.0]
    titles = [chart["title"] for chart in charts_json(curves_of(Record(progress=reports)), "fox", "zh-CN")["charts"]]
    assert titles == ["损失", "学习率", "D-Adaptation 的估计值 d", "梯度范数", "速度（步/秒）", "显存峰值（GiB）"]


def test_a_long_run_has_few_points_and_keeps_its_peaks_and_ends() -> None:
    reports = [progress(step, 0.1, grad_norm=1.0) for step in range(1, 50_001)]
    reports[12_345] = progress(12_346, 9.0, grad_norm=1.0)
    reports[23_456] = progress(23_457, 0.001, grad_norm=1.0)
    reports[34_567] = progress(34_568, 0.1, grad_norm=77.0)
    validations = [Validated(step=step, epoch=1, loss=0.5, best_step=1, best_loss=0.1) for step in range(5_000)]
    curves = {one.kind: one for one in curves_of(Record(progress=reports, validations=validations))}
    assert all(len(one.steps) == len(one.values) <= MOST_POINTS for one in curves.values())
    assert len(curves["loss"].steps) > MOST_POINTS / 4
    assert (max(curves["loss"].values), min(curves["loss"].values)) == (9.0, 0.001)
    assert max(curves["grad_norm"].values) == 77.0
    assert (curves["loss"].steps[0], curves["loss"].steps[-1]) == (1, 50_000)


@given(st.lists(st.none() | st.floats(), max_size=60), st.integers(8, 40))
def test_thinning_keeps_order_ends_and_extremes(losses: list[float | None], limit: int) -> None:
    reports = [progress(step, loss) for step, loss in enumerate(losses)]
    kept = thinned(reports, limit)
    assert len(kept) <= limit
    steps = [one.step for one in kept]
    assert steps == sorted(set(steps))
    if reports:
        assert (steps[0], steps[-1]) == (0, len(reports) - 1)
    finite = [one for one in losses if one is not None and math.isfinite(one)]
    if finite:
        assert {max(finite), min(finite)} <= {one.loss for one in kept}


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_line, max_size=12))
def test_no_event_breaks_the_charts(tmp_path: Path, lines: list[dict[str, object]]) -> None:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    json.dumps(charts_json(curves_of(record_of(folder)), "x", "en"), allow_nan=False)

"""A run that is killed, paused or stopped and then resumed ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from tests.event_lines import Event, read_events
from tests.train_core.jobs.conftest import Prepare
from train_core.config import whole_files
from train_core.config.files import read_config
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir, runs_dir
from train_core.events.requests import request
from train_core.facts.run.states import states_in
from train_core.jobs.start import start_job
from train_core.run.outputs import state as states
from train_core.run.training import Training

# The old hash of files above 1 MiB is over bytes whose place depends on how long those times are written.
TIMES = {
    "ss_training_started_at", "ss_training_finished_at", "ss_session_id", "modelspec.date", "sshs_legacy_hash",
}  # fmt: skip


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the job may catch it."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """`kill_at(step)` lets the next job die when it has done that step, before anything due then; None lets it live."""
    original = Training.report
    fatal: list[int | None] = [None]

    def report(self: Any, *rest: Any) -> None:
        original(self, *rest)
        if self.step == fatal[0]:
            raise Killed

    monkeypatch.setattr(Training, "report", report)
    return lambda step: fatal.__setitem__(0, step)


def train(config: Path, **overrides: str) -> list[Event]:
    """Run the job, however it ends; all events of the run folder that it worked in."""
    with suppress(Killed):
        start_job(TrainConfig, config, overrides)
    return read_events(newest_run() / "events.jsonl")


def newest_run() -> Path:
    return max(runs_dir().iterdir(), key=lambda run: (run / "events.jsonl").stat().st_mtime_ns)


def curves(run_dir: Path) -> list[tuple[str, int, float]]:
    """Every scalar in TensorBoard's files, in the order of writing per curve."""
    found = []
    for path in sorted((run_dir / "logs").glob("events.out.tfevents.*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
    return sorted(found, key=lambda point: (point[0], point[1]))


def content(path: Path) -> tuple[bytes, dict[str, str]]:
    """A file's tensors to the byte, and its metadata without times."""
    data = path.read_bytes()
    with safe_open(path, "pt") as file:
        metadata = {name: value for name, value in file.metadata().items() if name not in TIMES}
    return data[8 + int.from_bytes(data[:8], "little") :], metadata


def results(out: Path) -> dict[str, Any]:
    """Everything in an output folder that must not depend on interruptions."""
    return {path.name: content(path) if path.suffix == ".safetensors" else None for path in out.iterdir()}


def losses(events: list[Event]) -> dict[int, float]:
    """Losses by step as a reader of the events has them, who drops what a resumed run goes over again."""
    found: dict[int, float] = {}
    for event in events:
        if event["kind"] == "resumed":
            found = {step: loss for step, loss in found.items() if step <= event["step"]}
        if event["kind"] == "progress":
            assert event["step"] not in found
            found[event["step"]] = event["loss"]
    return found


def assert_same_run(out: Path, run: Path, undisturbed_out: Path, undisturbed: Path) -> None:
    assert results(out) == results(undisturbed_out)
    assert curves(run) == curves(undisturbed)
    events = read_events(run / "events.jsonl")
    assert events[-1]["status"] == "completed"
    assert events[-1]["step"] == read_events(undisturbed / "events.jsonl")[-1]["step"]
    logged = {step: loss for tag, step, loss in curves(undisturbed) if tag == "loss/current"}
    assert all(logged[step] == pytest.approx(loss, rel=1e-6) for step, loss in losses(events).items())
    assert max(losses(events)) == events[-1]["step"]


SHORT = {"max_train_epochs": 1}
WAYS: dict[str, dict[str, Any]] = {
    "AdamW": {},
    "accumulation_and_EMA": {"gradient_accumulation_steps": 3, "max_train_epochs": 4, "ema_decay": 0.9},
    "workers_and_loss_aware": {
        "cache_latents": False, "max_data_loader_n_workers": 2, "timestep_sampling": "loss_aware",
    },
    "every_draw": {
        "network_dropout": 0.2, "rank_dropout": 0.1, "module_dropout": 0.2, "shuffle_caption": True, "flip_aug": True,
        "caption_dropout_rate": 0.3, "noise_offset": 0.1, "lr_scheduler": "cosine", "lr_warmup_steps": "2",
    },
    "AdamW8bit": {**SHORT, "optimizer_type": "AdamW8bit"},
    "Lion": {**SHORT, "optimizer_type": "Lion"},
    "DAdaptAdam": {**SHORT, "optimizer_type": "DAdaptAdam", "learning_rate": 1.0},
    "Prodigy": {**SHORT, "optimizer_type": "Prodigy", "learning_rate": 1.0},
    "schedule_free": {**SHORT, "optimizer_type": "AdamWScheduleFree"},
    "Adafactor_fused": {**SHORT, "optimizer_type": "Adafactor", "fused_backward_pass": True, "max_grad_norm": 0},
    "validation": {"validation_split": 0.3, "on_divergence": "recover"},
    "text_encoder_stops": {"stop_text_encoder_training": "40%", "ema_decay": 0.9, "lr_scheduler": "cosine"},
    "full_half_on_8_bits": {"mixed_precision": "bf16", "full_half": True, "base_precision": "int8"},
    "LoHa_with_DoRA": {
        **SHORT, "LoRA_type": "LoHa", "dora_wd": True, "rank_dropout": 0.2, "module_dropout": 0.2,
        "scale_weight_norms": 0.05,
    },
    "DyLoRA": {**SHORT, "LoRA_type": "DyLoRA", "unit": 1},
    "OFT_and_norms": {
        **SHORT, "LoRA_type": "Diag-OFT", "train_norm": True, "LyCORIS_preset": "full", "rescaled": True,
    },
    "cut_within_an_epoch": {"max_train_epochs": 0, "max_train_steps": 7},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_killed_twice_ends_as_one_never_killed(
    prepare: Prepare, tmp_path: Path, kill_at: Callable[[int | None], None], way: str
) -> None:
    settings = {"save_every_n_steps": 3, "save_state_every_n_steps": 2, **WAYS[way]}
    train(prepare("zuko", output_dir=str(tmp_path / "one"), **settings))
    undisturbed = newest_run()
    total = read_events(undisturbed / "events.jsonl")[-1]["step"]
    config = prepare("zuko", output_dir=str(tmp_path / "two"), **settings)
    kill_at(3)
    train(config)
    kill_at(random.Random(way).randint(min(4, total), total))
    train(config, resume="last")
    kill_at(None)
    train(config, resume="last")
    assert newest_run() != undisturbed
    assert_same_run(tmp_path / "two", newest_run(), tmp_path / "one", undisturbed)


@pytest.mark.parametrize("steps", [7, 8])
def test_killed_between_the_last_state_and_the_result_it_keeps_every_curve(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Also the mean of an epoch that the run's end cuts short, after which no step is left to do."""
    settings = {"max_train_epochs": 0, "max_train_steps": steps, "save_state_every_n_steps": steps}
    train(prepare("zuko", output_dir=str(tmp_path / "one"), **settings))
    undisturbed = newest_run()
    config = prepare("zuko", output_dir=str(tmp_path / "two"), **settings)

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("train_core.methods.adapter.save_adapter", die)
        train(config)
    assert [state.step for state in states_in(tmp_path / "two")] == [steps]
    train(config, resume="last")
    assert_same_run(tmp_path / "two", newest_run(), tmp_path / "one", undisturbed)


def test_killed_at_any_step_or_in_the_middle_of_writing_a_state_it_goes_on(
    prepare: Prepare, tmp_path: Path, kill_at: Callable[[int | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"save_state_every_n_steps": 1, "save_every_n_epochs": 1, "save_state": True}
    train(prepare("zuko", output_dir=str(tmp_path / "one"), **settings))
    undisturbed = newest_run()
    config = prepare("zuko", output_dir=str(tmp_path / "two"), **settings)
    kill_at(2)
    train(config)
    kill_at(None)
    write = states.write_tensors

    def torn(path: Path, *rest: Any) -> None:
        write(path, *rest)
        path.write_bytes(path.read_bytes()[:1000])
        raise Killed

    replace = Path.replace

    def before_it_has_its_name(self: Path, target: Path) -> Path:
        if self.name.startswith(".zuko-step"):
            raise Killed
        return replace(self, target)

    for owner, name, broken in ((states, "write_tensors", torn), (Path, "replace", before_it_has_its_name)):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken)
            patch.setattr(whole_files, "remove", lambda path: None)  # who is killed clears nothing up
            train(config, resume="last")
        assert [state.step for state in states_in(tmp_path / "two")] == [1]
    assert any(path.name.endswith(".tmp") for path in (tmp_path / "two").iterdir())
    train(config, resume="last")
    assert_same_run(tmp_path / "two", newest_run(), tmp_path / "one", undisturbed)


def start(config: Path, processes: int = 1, *words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(app_dir()), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [*(torchrun if processes > 1 else []), "-m", "train_core", "train", "--config_file", str(config), *words]
    return subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_real_process_killed_at_any_moment_is_resumed_to_the_same_bytes(prepare: Prepare, tmp_path: Path) -> None:
    settings = {"max_train_epochs": 10, "save_state_every_n_steps": 4, "save_every_n_epochs": 4, "save_state": True}
    assert start(prepare("zuko", output_dir=str(tmp_path / "one"), **settings)).wait() == 0  # with the same threads
    undisturbed = newest_run()
    config = prepare("zuko", output_dir=str(tmp_path / "two"), **settings)
    draws = random.Random(3)
    words: tuple[str, ...] = ()
    for _ in range(2):
        process = start(config, 1, *words)
        while process.poll() is None and not any(True for _ in (tmp_path / "two").glob("*-state")):
            time.sleep(0.02)
        time.sleep(draws.uniform(0.0, 1.0) if words else 0.0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        words = ("--set", "resume", "last")
    assert start(config, 1, *words).wait() == 0
    assert_same_run(tmp_path / "two", newest_run(), tmp_path / "one", undisturbed)


def test_two_processes_resume_together(prepare: Prepare, tmp_path: Path) -> None:
    settings = {"train_batch_size": 1, "save_every_n_epochs": 1}
    assert start(prepare("zuko", output_dir=str(tmp_path / "one"), **settings), 2).wait() == 0
    undisturbed = newest_run()
    run_dir = runs_dir() / "20260101-000000-zuko"
    (run_dir / "control").mkdir(parents=True)
    config = prepare("zuko", output_dir=str(tmp_path / "two"), **settings).rename(run_dir / "config.toml")
    request(run_dir, "pause")
    assert start(config, 2).wait() == 0
    assert read_events(run_dir / "events.jsonl")[-1]["status"] == "paused"
    assert start(config, 2, "--set", "resume", "last").wait() == 0
    (state,) = (tmp_path / "two").glob("*-state")
    state.rename(tmp_path / "state")  # a pause leaves its state, which the undisturbed run has not
    assert_same_run(tmp_path / "two", run_dir, tmp_path / "one", undisturbed)


def ask_at(monkeypatch: pytest.MonkeyPatch, wishes: dict[int, tuple[str, ...]]) -> None:
    """Let the jobs that follow be asked for something after steps; each wish is had once."""
    original = Training.report

    def report(self: Any, *rest: Any) -> None:
        original(self, *rest)
        if self.step in wishes:
            request(self.upkeep.control.run_dir, *wishes.pop(self.step))

    monkeypatch.setattr(Training, "report", report)


def test_a_paused_run_is_resumed_as_if_it_had_not_been(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(prepare("zuko", output_dir=str(tmp_path / "one")))
    undisturbed = newest_run()
    for step in (3, 4):  # within an epoch, and at the end of one
        out = tmp_path / f"paused-{step}"
        config = prepare("zuko", output_dir=str(out))
        with monkeypatch.context() as patch:
            ask_at(patch, {step: ("pause",)})
            events = train(config)
        assert (events[-1]["status"], events[-1]["step"]) == ("paused", step)
        state = Path(events[-1]["path"])
        assert state == out / f"zuko-step{step:08d}-state"
        assert not list(out.glob("*.safetensors"))
        train(config, resume=str(state))
        state.rename(tmp_path / f"state-{step}")
        assert_same_run(out, newest_run(), tmp_path / "one", undisturbed)


def test_a_learning_rate_changed_while_running_holds_from_the_next_step_and_survives_a_kill(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_at: Callable[[int | None], None]
) -> None:
    wishes = {3: ("learning_rate", "x0.1"), 6: ("learning_rate", "5e-4")}
    settings = {"save_state_every_n_steps": 2, "unet_lr": 1e-3, "text_encoder_lr": 5e-4}
    with monkeypatch.context() as patch:
        ask_at(patch, dict(wishes))
        train(prepare("zuko", output_dir=str(tmp_path / "one"), **settings))
    undisturbed = newest_run()
    rates = {step: rate for tag, step, rate in curves(undisturbed) if tag == "lr/unet"}
    assert [rates[step] for step in range(1, 9)] == pytest.approx([1e-3] * 3 + [1e-4] * 3 + [5e-4] * 2)
    text = {step: rate for tag, step, rate in curves(undisturbed) if tag == "lr/textencoder"}
    assert text[8] == pytest.approx(2.5e-4)
    config = prepare("zuko", output_dir=str(tmp_path / "two"), **settings)
    kill_at(7)  # after the second change, with a state from before or at it
    with monkeypatch.context() as patch:
        ask_at(patch, dict(wishes))
        train(config)
    kill_at(None)
    (tmp_path / "two" / "zuko-step00000006-state").rename(tmp_path / "gone")
    train(config, resume="last")
    assert_same_run(tmp_path / "two", newest_run(), tmp_path / "one", undisturbed)


def test_a_stage_that_was_ended_by_hand_ends_there_in_a_resumed_run(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_at: Callable[[int | None], None]
) -> None:
    wishes: dict[int, tuple[str, ...]] = {3: ("next_stage",), 6: ("next_stage",)}
    settings = {
        "save_state_every_n_steps": 2, "network_train_unet_only": True, "learning_rate": 1e-2,
        "lr_scheduler": "staged", "lr_stages": "1e-2:press, 1e-3:7, 1e-4",
    }  # fmt: skip
    with monkeypatch.context() as patch:
        ask_at(patch, dict(wishes))
        events = train(prepare("zuko", output_dir=str(tmp_path / "one"), **settings))
    undisturbed = newest_run()
    rates = {step: rate for tag, step, rate in curves(undisturbed) if tag == "lr/unet"}
    assert [rates[step] for step in range(1, 9)] == pytest.approx([1e-2] * 3 + [1e-3] * 3 + [1e-4] * 2)
    told = [(event["step"], event["stage"], event.get("pressed")) for event in events if event["kind"] == "rate_stage"]
    assert told == [(0, 1, None), (3, 2, True), (6, 3, True)]
    config = prepare("zuko", output_dir=str(tmp_path / "two"), **settings)
    kill_at(7)
    with monkeypatch.context() as patch:
        ask_at(patch, dict(wishes))
        train(config)
    kill_at(None)
    (tmp_path / "two" / "zuko-step00000006-state").rename(tmp_path / "gone")
    train(config, resume="last")
    assert_same_run(tmp_path / "two", newest_run(), tmp_path / "one", undisturbed)


def test_a_run_without_another_stage_says_so_and_goes_on(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_at(monkeypatch, {2: ("next_stage",)})
    events = train(prepare("zuko"))
    assert "no_stage_left" in [event["code"] for event in events if event["kind"] == "warning"]
    assert events[-1]["status"] == "completed"


def test_a_learning_rate_that_makes_no_sense_is_told_and_changes_nothing(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_at(monkeypatch, {2: ("learning_rate", "-1")})
    events = train(prepare("zuko"))
    assert [event["code"] for event in events if event["kind"] == "warning" and "rate" in event["code"]] == [
        "rate_not_understood"
    ]
    assert events[-1]["status"] == "completed"


def test_save_and_sample_now_are_answered_after_the_step(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_at(monkeypatch, {2: ("save",), 3: ("sample",)})
    events = train(prepare("zuko", sample_prompts="a dog --s 1 --w 64 --h 64 --l 1", sample_every_n_epochs=0))
    assert [event["step"] for event in events if event["kind"] == "saved"] == [2, 8]
    assert [event["step"] for event in events if event["kind"] == "sample"] == [3]
    assert [(event["request"], event["step"]) for event in events if event["kind"] == "ack"] == [
        ("save", 2), ("sample", 3),
    ]


def test_finding_e_counters_names_and_length_stay_right_in_a_second_resume(
    prepare: Prepare, tmp_path: Path, kill_at: Callable[[int | None], None]
) -> None:
    config = prepare("zuko", save_every_n_steps=1, save_state_every_n_steps=1)
    for fatal in (3, 6):
        kill_at(fatal)
        train(config, resume="last" if fatal > 3 else "")
    kill_at(None)
    events = train(config, resume="last")
    assert [event["step"] for event in events if event["kind"] == "resumed"] == [2, 5]
    assert {event["total_steps"] for event in events if event["kind"] == "started"} == {8}
    names = {path.name for path in (tmp_path / "out").glob("*.safetensors")}
    assert names == {f"zuko-step{step:08d}.safetensors" for step in range(1, 9)} | {"zuko.safetensors"}
    assert content(tmp_path / "out" / "zuko.safetensors")[1]["ss_steps"] == "8"


def test_issue_1999_a_longer_run_does_only_the_steps_that_are_missing_and_keeps_the_shorter_ones_result(
    prepare: Prepare, tmp_path: Path
) -> None:
    train(prepare("zuko", save_state_on_train_end=True))
    short = content(tmp_path / "out" / "zuko.safetensors")
    longer = prepare("zuko", max_train_epochs=3)
    events = train(longer, resume="last")
    assert (events[-1]["status"], events[-1]["step"]) == ("completed", 12)
    assert [event["step"] for event in events if event["kind"] == "resumed"] == [8]
    assert content(tmp_path / "out" / "zuko.safetensors") == short
    train(prepare("at_once", max_train_epochs=3))
    assert content(tmp_path / "out" / "zuko-2.safetensors")[0] == content(tmp_path / "out" / "at_once.safetensors")[0]


def test_issue_1921_save_state_without_an_interval_says_when_it_writes(prepare: Prepare) -> None:
    warnings = read_config(prepare("zuko", save_state=True)).warnings
    assert "save_state_at_end_only" in {found.code for found in warnings}


def test_resume_refuses_other_settings_by_name_all_at_once_and_lets_rates_length_and_saving_differ(
    prepare: Prepare, kill_at: Callable[[int | None], None]
) -> None:
    kill_at(3)
    train(prepare("zuko", save_state_every_n_steps=2))
    kill_at(None)
    other = prepare("zuko", network_dim=8, seed=6, learning_rate=2e-3, max_train_epochs=3, save_every_n_epochs=1)
    told = [event for event in train(other, resume="last") if event["kind"] == "error"]
    assert {event["params"]["name"] for event in told} == {"network_dim", "seed"}
    allowed = prepare("zuko", learning_rate=2e-3, max_train_epochs=3, save_every_n_epochs=1, sample_every_n_epochs=2)
    events = train(allowed, resume="last")
    assert (events[-1]["status"], events[-1]["step"]) == ("completed", 12)
    rates = {step: rate for tag, step, rate in curves(newest_run()) if tag == "lr/unet"}
    assert (rates[2], rates[3]) == pytest.approx((1e-3, 2e-3))


def test_resume_refuses_images_that_have_changed(
    prepare: Prepare, images: Path, kill_at: Callable[[int | None], None]
) -> None:
    kill_at(3)
    config = prepare("zuko", save_state_every_n_steps=2)
    train(config)
    kill_at(None)
    (images / "2_zuko dog" / "1.txt").write_text("another caption", encoding="utf-8")
    events = train(config, resume="last")
    assert [event["code"] for event in events if event["kind"] == "error"] == ["resume_images_differ"]


def test_issue_2384_resume_without_a_state_is_an_error_and_not_a_new_start(prepare: Prepare, tmp_path: Path) -> None:
    config = prepare("zuko")
    assert [e["code"] for e in train(config, resume="last") if e["kind"] == "error"] == ["state_none"]
    (tmp_path / "torn-state").mkdir()
    (tmp_path / "torn-state" / "state.json").write_text('{"format": 1', encoding="utf-8")
    events = train(config, resume=str(tmp_path / "torn-state"))
    assert [e["code"] for e in events if e["kind"] == "error"][-1] == "state_not_whole"
    assert not (tmp_path / "out").exists()


def test_another_runs_files_are_never_replaced_by_a_resumed_one(
    prepare: Prepare, tmp_path: Path, kill_at: Callable[[int | None], None]
) -> None:
    config = prepare("zuko", save_state_every_n_steps=2)
    kill_at(3)
    train(config)
    kill_at(None)
    (tmp_path / "out" / "zuko.safetensors").write_text("mine")
    events = train(config, resume="last")
    assert (tmp_path / "out" / "zuko.safetensors").read_text() == "mine"
    assert Path(events[-1]["path"]).name == "zuko-2.safetensors"


def test_the_state_folder_says_what_it_is_without_torch(prepare: Prepare, tmp_path: Path) -> None:
    train(prepare("zuko", save_state_on_train_end=True))
    folder = tmp_path / "out" / "zuko-state"
    assert {path.name for path in folder.iterdir()} == {"state.json", "parts.json", "tensors.safetensors"}
    assert json.loads((folder / "state.json").read_text(encoding="utf-8"))["step"] == 8

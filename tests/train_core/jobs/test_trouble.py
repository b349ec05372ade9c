"""Runs that go wrong say what happened and what to do, and keep what was learnt."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.event_lines import Event, read_events
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_processes import start
from tests.train_core.jobs.test_train import difference, kinds, run, tensor_bytes, weights
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir
from train_core.data.batch import Batch
from train_core.events.log import EventLog
from train_core.jobs.start import start_job
from train_core.methods.adapter import AdapterMethod
from train_core.models import autoencoder
from train_core.run.objective import Objective


def break_latents(monkeypatch: pytest.MonkeyPatch, is_broken: Any) -> None:
    """Latents are no numbers where `is_broken(step, index)` says so, `step` counting from 1."""
    original, begin = Objective.latents, AdapterMethod.begin_step
    now = [0]

    def beginning(self: AdapterMethod, step: int) -> None:
        now[0] = step + 1
        begin(self, step)

    def broken(self: Objective, batch: Batch) -> torch.Tensor:
        latents = original(self, batch)
        for row, index in enumerate(batch.indices.tolist()):
            if is_broken(now[0], index):
                latents[row] = torch.nan
        return latents

    monkeypatch.setattr(AdapterMethod, "begin_step", beginning)
    monkeypatch.setattr(Objective, "latents", broken)


def told(events: list[Event], code: str) -> list[Event]:
    return [event for event in events if event.get("code") == code]


def test_a_loss_that_is_no_number_names_its_images_and_moves_nothing(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_latents(monkeypatch, lambda step, index: step == 4)
    events = run(prepare("zuko", max_train_epochs=1, save_every_n_steps=3))
    after_three = load_file(Path(events[-1]["path"]).with_name("zuko-step00000003.safetensors"))
    assert difference(weights(events), after_three) == 0  # step 4, the last, is the broken one
    (warning,) = told(events, "loss_not_finite")
    assert warning["params"]["step"] == 4
    assert ".png" in warning["params"]["images"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"max_grad_norm": 0}, {"gradient_accumulation_steps": 2, "train_batch_size": 1},
     {"mixed_precision": "bf16", "full_half": True}],
)  # fmt: skip
def test_gradients_that_are_no_numbers_move_nothing_though_the_loss_is_one(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    original, begin, now = Objective.loss, AdapterMethod.begin_step, [0]

    def beginning(self: AdapterMethod, step: int) -> None:
        now[0] = step + 1
        begin(self, step)

    def broken(self: Objective, *given: Any) -> torch.Tensor:
        loss = original(self, *given)
        if now[0] == 4:
            loss.register_hook(lambda grad: grad * torch.nan)
        return loss

    monkeypatch.setattr(AdapterMethod, "begin_step", beginning)
    monkeypatch.setattr(Objective, "loss", broken)
    events = run(prepare("zuko", max_train_epochs=1, save_every_n_steps=3, **settings))
    after_three = load_file(Path(events[-1]["path"]).with_name("zuko-step00000003.safetensors"))
    assert difference(weights(events), after_three) == 0
    (warning,) = told(events, "gradient_not_finite")
    assert warning["params"]["step"] == 4
    assert ".png" in warning["params"]["images"]


def test_a_broken_step_does_not_spoil_the_curves(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    break_latents(monkeypatch, lambda step, index: step == 2)
    run(prepare("zuko", max_train_epochs=1))
    (run_dir,) = runs_dir().iterdir()
    assert "NaN" not in (run_dir / "events.jsonl").read_text("utf-8")
    progress = kinds(read_events(run_dir / "events.jsonl"), "progress")[-1]
    assert 0 < progress["average"] < 10


def test_of_gathered_batches_only_the_broken_one_is_named(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    break_latents(monkeypatch, lambda step, index: step == 1 and index == 0)
    events = run(prepare("zuko", max_train_epochs=1, train_batch_size=1, gradient_accumulation_steps=8))
    (warning,) = told(events, "loss_not_finite")
    assert Path(warning["params"]["images"]).name == "0.png"
    assert all(t.abs().max() == 0 for name, t in weights(events).items() if "lora_up" in name)  # it was the one step


@pytest.mark.parametrize("processes", [1, 2])
def test_the_image_whose_latents_are_broken_is_named_by_whichever_process_has_it(
    prepare: Prepare, own_home: Path, processes: int
) -> None:
    settings = {"max_train_epochs": 1, "train_batch_size": 4 // processes, "cache_latents_to_disk": True}
    weights(run(prepare("before", **settings)))
    file = sorted((own_home / "caches" / "latents").rglob("*.safetensors"))[0]
    broken = {name: tensor.fill_(torch.nan) for name, tensor in load_file(file).items()}
    save_file(broken, file)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"] if processes > 1 else []
    config = prepare("after", **settings)
    done = start([*torchrun, "-m", "train_core", "train", "--config_file", str(config)])
    assert done.returncode == 0, done.stdout + done.stderr
    newest = max(runs_dir().iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
    warnings = told(read_events(newest / "events.jsonl"), "loss_not_finite")
    named = {warning["params"]["images"] for warning in warnings}
    assert len(named) == 1
    assert named.pop().count(".png") == 1
    blamed = told(read_events(newest / "events.jsonl"), "latents_cache_not_finite")
    assert {warning["params"]["files"] for warning in blamed} == {str(file)}
    assert all(bool(torch.isfinite(tensor).all()) for tensor in load_file(last_file(newest)).values())


def last_file(run_dir: Path) -> str:
    """The file that a run has written last."""
    return kinds(read_events(run_dir / "events.jsonl"), "saved")[-1]["path"]


def test_with_steps_inside_the_backward_pass_a_broken_loss_moves_nothing_either(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_latents(monkeypatch, lambda step, index: step == 4)
    fused = {"optimizer_type": "Adafactor", "fused_backward_pass": True, "max_grad_norm": 0}
    events = run(prepare("zuko", max_train_epochs=1, save_every_n_steps=3, **fused))
    after_three = load_file(Path(events[-1]["path"]).with_name("zuko-step00000003.safetensors"))
    assert difference(weights(events), after_three) == 0


def test_a_run_without_broken_steps_is_what_it_was(prepare: Prepare) -> None:
    recovering = run(prepare("guarded", metadata_depth="minimal", on_divergence="recover"))
    assert tensor_bytes(recovering) == tensor_bytes(run(prepare("plain", metadata_depth="minimal")))


def test_too_many_broken_steps_end_the_run_with_advice_and_what_was_learnt(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_latents(monkeypatch, lambda step, index: step > 2)
    events = run(prepare("zuko", max_train_epochs=3, max_grad_norm=0))
    assert events[-1]["status"] == "failed"
    assert len(told(events, "loss_not_finite")) == 5
    (error,) = told(events, "loss_never_finite")
    assert error["params"]["count"] == 5
    assert "learning_rate = 0.0001" in error["params"]["settings"]
    assert "max_grad_norm = 1.0" in error["params"]["settings"]
    (saved,) = kinds(events, "saved")
    assert all(bool(torch.isfinite(tensor).all()) for tensor in load_file(saved["path"]).values())


def test_a_run_that_never_learnt_anything_saves_nothing(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    break_latents(monkeypatch, lambda step, index: True)
    events = run(prepare("zuko", max_train_epochs=3))
    assert told(events, "loss_never_finite")
    assert not kinds(events, "saved")


@pytest.mark.parametrize(
    ("error", "code", "first"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "card_out_of_memory",
         "train_batch_size = 2; gradient_checkpointing = true; mixed_precision = bf16"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
         "computer_out_of_memory", "cache_latents_to_disk = true; train_batch_size = 2; gradient_checkpointing = true"),
        (MemoryError(), "computer_out_of_memory",
         "cache_latents_to_disk = true; train_batch_size = 2; gradient_checkpointing = true"),
    ],
)  # fmt: skip
def test_out_of_memory_is_one_message_with_three_settings_in_order(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    error: Exception, code: str, first: str,
) -> None:  # fmt: skip
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Objective, "loss", fail)
    events = run(prepare("zuko", train_batch_size=4))
    (said,) = kinds(events, "error")
    assert (said["code"], said["params"]["settings"]) == (code, first)
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_of_another_kind_keeps_its_traceback(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Objective, "loss", fail)
    assert [event["code"] for event in kinds(run(prepare("zuko")), "error")] == ["unexpected"]
    assert "Traceback" in capsys.readouterr().err


def test_a_run_whose_own_folder_is_full_goes_on_says_so_on_the_console_and_tells_the_rest_later(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original, full = EventLog._send, [False]

    def send(self: EventLog) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(self)

    def begin(self: AdapterMethod, step: int) -> None:
        full[0] = 2 <= step < 6  # filled, and emptied again

    monkeypatch.setattr(EventLog, "_send", send)
    monkeypatch.setattr(AdapterMethod, "begin_step", begin)
    config = prepare("zuko", save_every_n_steps=4)
    assert start_job(TrainConfig, config, {}) == 0
    printed = capsys.readouterr()
    (run_dir,) = runs_dir().iterdir()
    assert printed.out.count(f"Events cannot be written to {run_dir}") == 1
    assert "Traceback" not in printed.err
    lines = [json.loads(line) for line in (run_dir / "events.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in kinds(lines, "saved")] == [4, 8, 8]
    assert lines[-1]["status"] == "completed"


@pytest.mark.parametrize("cached", [True, False])
def test_pictures_that_half_precision_cannot_hold_are_named_once_and_trained(
    prepare: Prepare, images: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    white = images / "2_zuko dog" / "0.png"
    Image.new("RGB", (64, 64), "white").save(white)
    original = autoencoder._moments

    def overflowing(vae: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, logvar = original(vae, pixels)
        if mean.dtype != torch.float32:
            mean = mean + torch.where(pixels.mean(dim=(1, 2, 3), keepdim=True) > 0.9, torch.inf, 0.0).to(mean.dtype)
        return mean, logvar

    monkeypatch.setattr(autoencoder, "_moments", overflowing)
    events = run(prepare("zuko", no_half_vae=False, mixed_precision="bf16", cache_latents=cached, vae_batch_size=2))
    (notice,) = told(events, "vae_overflow")
    assert (notice["params"]["count"], notice["params"]["images"]) == (1, str(white))
    assert all(torch.isfinite(tensor).all() for tensor in weights(events).values())


def test_a_wrong_argument_is_told_before_the_model_is_loaded(prepare: Prepare) -> None:
    job = prepare(optimizer_type="torch.optim.AdamW", optimizer_args=["weight_decay=0.01x"])
    assert start_job(TrainConfig, job, {}) == 1
    (run_dir,) = runs_dir().iterdir()
    events = read_events(run_dir / "events.jsonl")
    assert [event["code"] for event in kinds(events, "error")] == ["optimizer_argument_unsuited"]
    assert "loading" not in {event["name"] for event in kinds(events, "stage")}

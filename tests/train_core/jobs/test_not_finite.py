"""A run whose weights are no numbers any more saves none of them, fails, and says what is left to go on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.event_lines import read_events
from tests.tiny import tiny_file
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run, weights
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir
from train_core.facts.run.states import TENSORS
from train_core.jobs.start import start_job
from train_core.methods.adapter import AdapterMethod
from train_core.optim.ema import Ema


@pytest.fixture
def ruin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`ruin(step, value)` lets a weight have that value after that step, counting from 1."""

    def ruined(step: int, value: float = float("nan")) -> None:
        original, now = AdapterMethod.begin_step, [0]

        def begin(self: AdapterMethod, number: int) -> None:
            now[0] = number + 1
            original(self, number)

        def end(self: AdapterMethod) -> None:
            if now[0] == step:
                with torch.no_grad():
                    next(self.adapter.parameters()).view(-1)[0] = value

        monkeypatch.setattr(AdapterMethod, "begin_step", begin)
        monkeypatch.setattr(AdapterMethod, "end_step", end)

    return ruined


def all_numbers(folder: Path) -> bool:
    tensors = [tensor for path in folder.rglob("*.safetensors") for tensor in load_file(path).values()]
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def test_weights_ruined_by_the_last_step_are_no_result_and_the_last_state_is_offered(
    prepare: Prepare, tmp_path: Path, ruin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"save_state_every_n_steps": 3, "save_every_n_steps": 5}
    config = prepare("zuko", **settings)
    ruin(8)
    events = run(config)
    out = tmp_path / "out"
    assert events[-1]["status"] == "failed"
    told = {event["code"]: event["params"] for event in kinds(events, "error")}
    assert list(told) == ["training_not_finite", "last_good_state", "last_good_file"]
    assert told["training_not_finite"]["step"] == 8
    assert "learning_rate = 0.0001" in told["training_not_finite"]["settings"]
    assert told["last_good_state"] == {"folder": str(out / "zuko-step00000006-state"), "step": 6}
    assert told["last_good_file"] == {"file": str(out / "zuko-step00000005.safetensors"), "step": 5}
    assert not (out / "zuko.safetensors").exists()
    assert all_numbers(out)
    monkeypatch.undo()
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    assert start_job(TrainConfig, config, {"resume": told["last_good_state"]["folder"]}) == 0
    assert load_file(out / "zuko.safetensors")
    assert all_numbers(out)


@pytest.mark.parametrize(
    ("settings", "saved"), [({"save_every_n_steps": 2}, "zuko-step00000004.safetensors"),
                            ({"save_state_every_n_steps": 4}, "zuko-step00000004-state")],
)  # fmt: skip
def test_a_file_or_state_on_the_way_ends_the_run_too(
    prepare: Prepare, tmp_path: Path, ruin: Any, settings: dict[str, Any], saved: str
) -> None:
    ruin(4, float("inf"))
    events = run(prepare("zuko", **settings))
    assert events[-1]["status"] == "failed"
    first = kinds(events, "error")[0]
    assert (first["code"], first["params"]["file"]) == ("training_not_finite", str(tmp_path / "out" / saved))
    assert not (tmp_path / "out" / saved).exists()
    assert all_numbers(tmp_path / "out")


def test_an_average_that_is_no_number_is_not_kept_in_a_state(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Ema.update

    def update(self: Ema) -> None:
        original(self)
        if self.steps == 4:
            self.averages[3].fill_(torch.nan)

    monkeypatch.setattr(Ema, "update", update)
    events = run(prepare("zuko", ema_decay=0.9, save_state_every_n_steps=2))
    assert events[-1]["status"] == "failed"
    first, second = kinds(events, "error")
    assert (first["code"], first["params"]["name"]) == ("training_not_finite", "stepper")
    assert (second["code"], second["params"]["step"]) == ("last_good_state", 2)
    assert all_numbers(tmp_path / "out")


def test_values_that_fp16_cannot_hold_are_saved_in_fp32(prepare: Prepare, ruin: Any) -> None:
    ruin(8, 1e6)
    events = run(prepare("zuko", save_precision="fp16"))
    assert [event["code"] for event in kinds(events, "warning")][-1] == "saved_in_float"
    found = weights(events)
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}
    assert max(tensor.abs().max().item() for tensor in found.values()) == 1e6


def spoilt(source: Path, target: Path, part: str) -> Path:
    """A copy of `source` with a NaN in the first tensor whose name has `part` in it."""
    state = load_file(source)
    state[next(name for name in sorted(state) if part in name)].view(-1)[0] = torch.nan
    save_file(state, target)
    return target


def test_a_file_to_start_from_that_holds_broken_values_is_named_before_anything_is_trained(
    prepare: Prepare, tmp_path: Path
) -> None:
    good = Path(run(prepare("first", max_train_epochs=1))[-1]["path"])
    adapter = spoilt(good, tmp_path / "adapter.safetensors", "lora_down")
    base = spoilt(tiny_file(), tmp_path / "base.safetensors", "attn2.to_k")
    vae = spoilt(tiny_file(), tmp_path / "vae.safetensors", "first_stage_model.encoder")
    for file, given in (
        (adapter, {"network_weights": str(adapter)}), (adapter, {"base_weights": [str(adapter)]}),
        (base, {"pretrained_model_name_or_path": str(base)}), (vae, {"vae": str(vae)}),
    ):
        events = run(prepare("second", **given))
        (error,) = kinds(events, "error")
        assert (error["code"], error["params"]["file"]) == ("file_not_finite", str(file))
        assert events[-1]["status"] == "failed"
        assert not kinds(events, "progress")


def test_a_state_that_holds_broken_values_from_an_older_version_is_refused(
    prepare: Prepare, tmp_path: Path
) -> None:
    config = prepare("zuko", save_state_every_n_steps=4)
    run(config)
    state = tmp_path / "out" / "zuko-step00000008-state"
    tensors = load_file(state / TENSORS)
    next(tensor for tensor in tensors.values() if tensor.dtype == torch.float32 and tensor.dim() == 2).fill_(torch.inf)
    save_file(tensors, state / TENSORS)
    (run_dir,) = runs_dir().iterdir()
    assert start_job(TrainConfig, config, {"resume": str(state)}) == 1
    (error,) = kinds(read_events(run_dir / "events.jsonl"), "error")
    assert (error["code"], error["params"]["folder"]) == ("state_holds_not_finite", str(state))
    assert start_job(TrainConfig, config, {"resume": str(state.with_name("zuko-step00000004-state"))}) == 0


def test_a_base_model_that_cannot_be_hashed_any_more_costs_no_result(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("train_core.networks.files.hashes.file_hashes", gone)
    events = run(prepare("zuko", save_state_on_train_end=True))
    assert weights(events)
    with safe_open(events[-1]["path"], "pt") as file:
        assert file.metadata()["ss_new_sd_model_hash"] == ""

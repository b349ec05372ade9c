"""Whole models that do not fit are refused before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.pictures import image_folder
from tests.tiny import tiny_file
from train_core.config.files import check_values
from train_core.config.jobs.find_rate import FindRateConfig
from train_core.config.jobs.train import TrainConfig
from train_core.facts.machine.nvidia import Card
from train_core.facts.preflight import examine
from train_core.facts.run import whole_models
from train_core.facts.run.result_size import whole_model_bytes
from train_core.facts.run.whole_models import least_memory, state_bytes


def config_of(tmp_path: Path, **values: Any) -> TrainConfig:
    if not (tmp_path / "images").exists():
        image_folder(tmp_path / "images", "2_dog", [(64, 64), (64, 64)], "a dog")
    settings = {
        "training_method": "DreamBooth", "pretrained_model_name_or_path": str(tiny_file()), "resolution": "64",
        "train_data_dir": str(tmp_path / "images"), "output_dir": str(tmp_path / "out"), "use_cpu": True,
        "optimizer_type": "AdamW", "mixed_precision": "no", "save_precision": "float", "max_train_epochs": 3, **values,
    }  # fmt: skip
    return check_values(settings, "the test", {}).config.in_force()


def codes(config: TrainConfig) -> tuple[list[str], list[str]]:
    found = examine(config)
    return [one.code for one in found.problems], [one.code for one in found.warnings]


@pytest.mark.parametrize(
    ("values", "files"),
    [({}, 1), ({"save_every_n_epochs": 1}, 3), ({"save_every_n_epochs": 1, "save_last_n_epochs": 1}, 2)],
)
def test_as_many_files_as_stay_have_to_find_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], files: int
) -> None:
    config = config_of(tmp_path, **values)
    for free, expected in ((files * whole_model_bytes(config) - 1, ["no_room_for_models"]), (10**12, [])):
        monkeypatch.setattr(whole_models, "free_space", lambda folder, free=free: free)
        assert codes(config)[0] == expected
    monkeypatch.setattr(whole_models, "free_space", lambda folder: 0)
    for nothing_large in (config_of(tmp_path, **values, training_method="LoRA"), FindRateConfig.of(config)):
        assert codes(nothing_large)[0] == []


def test_states_that_stay_have_to_find_room_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path, save_every_n_epochs=1, save_state=True)
    files, state = 3 * whole_model_bytes(config), state_bytes(config)
    for free, expected in ((files + 3 * state - 1, ["no_room_for_states"]), (files + 3 * state, [])):
        monkeypatch.setattr(whole_models, "free_space", lambda folder, free=free: free)
        assert codes(config)[0] == expected
    recovering = config_of(tmp_path, on_divergence="recover")
    assert state_bytes(recovering) == 3 * state


def test_least_memory_counts_what_learns_and_all_that_goes_with_it(tmp_path: Path) -> None:
    def least(**values: Any) -> int:
        return least_memory(config_of(tmp_path, **values))

    both, unet = least(), least(network_train_unet_only=True)
    assert 0 < unet < both
    assert least(optimizer_type="AdamW8bit") == both * 10 // 16
    assert least(ema_decay=0.9) == both * 20 // 16
    half = {"mixed_precision": "bf16", "full_half": True}
    assert least(**half) == both * 18 // 16
    assert least(**half, fused_backward_pass=True, max_grad_norm=0, optimizer_type="Adafactor") == both * 2 // 16


def test_too_little_memory_is_told_certain_without_a_card_and_possible_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = least_memory(config_of(tmp_path))
    for memory, expected in ((needed - 1, ["whole_model_too_large"]), (needed, [])):
        told = SimpleNamespace(virtual_memory=lambda memory=memory: SimpleNamespace(total=memory))
        monkeypatch.setattr(whole_models, "psutil", told)
        monkeypatch.setattr(whole_models, "cards", lambda memory=memory: [Card("a card", memory)])
        assert codes(config_of(tmp_path))[0] == expected
        problems, warnings = codes(config_of(tmp_path, use_cpu=False))
        assert problems == []
        assert [code for code in warnings if code == "whole_model_too_large"] == expected


def test_each_of_several_cards_has_to_hold_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = least_memory(config_of(tmp_path))
    (tmp_path / "fsdp.yaml").write_text("fsdp_config: {fsdp_version: 2}\n")
    monkeypatch.setattr(whole_models, "cards", lambda: [Card("a card", needed // 2)])
    several = {"use_cpu": False, "num_processes": 2}
    assert "whole_model_too_large" in codes(config_of(tmp_path, **several))[1]
    shared = config_of(tmp_path, **several, accelerate_config=str(tmp_path / "fsdp.yaml"))
    assert "whole_model_too_large" not in codes(shared)[1]

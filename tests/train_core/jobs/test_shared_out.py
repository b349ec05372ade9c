"""Whole models whose weights are shared out over two processes (FSDP) learn what they learn without."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from tests.tiny import tiny_file
from tests.tiny_families import file_of
from tests.train_core.jobs import test_resume
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_processes import start
from train_core.models.files.stored import open_weights

FSDP = "distributed_type: FSDP\nfsdp_config: {fsdp_version: 2, fsdp_reshard_after_forward: true}\n"
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
WHOLE: dict[str, Any] = {
    "training_method": "DreamBooth", "num_processes": 2, "train_batch_size": 1, "max_train_epochs": 1,
    "optimizer_type": "SGDNesterov", "learning_rate": 1e-2,
}  # fmt: skip


@pytest.fixture
def sharding(tmp_path: Path) -> str:
    """The path of a config file of accelerate's with FSDP chosen."""
    (tmp_path / "fsdp.yaml").write_text(FSDP)
    return str(tmp_path / "fsdp.yaml")


def train_in_turn(folder: Path, *settings: Path) -> dict[str, list[dict[str, Any]]]:
    """What each of two processes tells of trainings by these files, one after the other; by name and rank."""
    done = start([*TWO, "tests.train_core.jobs.in_shares", str(folder), *map(str, settings)])
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        file.stem: [json.loads((folder / f"{file.stem}-{rank}.json").read_text()) for rank in (0, 1)]
        for file in settings
    }


def weights(path: Path) -> dict[str, torch.Tensor]:
    return {name: one.read() for name, one in open_weights(path).items()}


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The greatest difference between numbers of the same place."""
    assert one.keys() == other.keys()
    return max((one[name].double() - other[name].double()).abs().max().item() for name in one)


def moved(path: Path, base: Path) -> float:
    """How far at most a number in the result at `path` is from what it is in the `base` model."""
    result = weights(path)
    return apart(result, {name: one for name, one in weights(base).items() if name in result})


@pytest.fixture
def regular(tmp_path: Path, images: Path) -> str:
    """A folder of regularisation images."""
    (tmp_path / "reg" / "1_dog").mkdir(parents=True)
    Image.effect_noise((64, 64), 90).convert("RGB").save(tmp_path / "reg" / "1_dog" / "0.png")
    return str(tmp_path / "reg")


def test_a_whole_model_in_shares_learns_the_same_and_each_process_holds_half_of_it(
    prepare: Prepare, sharding: str, tmp_path: Path, regular: str
) -> None:
    settings = {
        **WHOLE, "validation_split": 0.3, "sample_prompts": "a dog --w 64 --h 64 --s 1", "gradient_checkpointing": True,
        "reg_data_dir": regular, "diff_output_preservation": True, "ema_decay": 0.5, "gradient_accumulation_steps": 2,
        "max_grad_norm": 0.5, "save_state_every_n_steps": 1, "max_train_epochs": 0, "max_train_steps": 2,
    }  # fmt: skip
    state, elsewhere = tmp_path / "out" / "shared-step00000001-state", str(tmp_path / "again")
    told = train_in_turn(
        tmp_path, prepare("whole", **settings), prepare("shared", **settings, accelerate_config=sharding),
        prepare("again", **settings | {"output_dir": elsewhere}, accelerate_config=sharding, resume=str(state)),
    )  # fmt: skip
    whole, shared = tmp_path / "out" / "whole.safetensors", tmp_path / "out" / "shared.safetensors"
    assert moved(whole, tiny_file()) > 1e-4
    assert apart(weights(whole), weights(shared)) < 1e-6
    assert apart(weights(tmp_path / "again" / "shared.safetensors"), weights(shared)) == 0
    for held in ("weights", "state"):
        full = told["whole"][0][held]
        each = [process[held] for process in told["shared"]]
        assert sum(each) == full
        assert max(each) < 0.51 * full
    assert [process["losses"] for process in told["shared"]] == [
        pytest.approx(process["losses"], rel=1e-5) for process in told["whole"]
    ]
    (drawn,), (expected,) = told["shared"][0]["pictures"].values(), told["whole"][0]["pictures"].values()
    assert np.abs(np.asarray(Image.open(drawn)).astype(int) - np.asarray(Image.open(expected))).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("sdxl", {}), ("sd2", {"clip_skip": 2, "freeze_layers": ["*norm*"]}),
        ("sd1", {"optimizer_type": "AdamWScheduleFree", "learning_rate": 1e-4, "text_encoder_lr": "0"}),
    ],
)
def test_other_models_and_settings_in_shares_learn_the_same(
    prepare: Prepare, sharding: str, tmp_path: Path, kind: str, values: dict[str, Any]
) -> None:
    base = tiny_file() if kind == "sd1" else file_of(kind)
    settings = {**WHOLE, "pretrained_model_name_or_path": str(base), "v_parameterization": "epsilon", **values}
    train_in_turn(tmp_path, prepare("whole", **settings), prepare("shared", **settings, accelerate_config=sharding))
    whole, shared = (tmp_path / "out" / f"{name}.safetensors" for name in ("whole", "shared"))
    assert moved(whole, base) > 1e-4
    assert apart(weights(whole), weights(shared)) < 1e-5


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_processes_with_a_share_each_are_killed_and_resumed_to_the_same_bytes(
    prepare: Prepare, sharding: str, tmp_path: Path
) -> None:
    settings = {
        **WHOLE, "optimizer_type": "AdamW", "learning_rate": 1e-4, "max_train_epochs": 4, "accelerate_config": sharding,
        "save_state_every_n_steps": 2, "ema_decay": 0.5,
    }  # fmt: skip
    assert test_resume.start(prepare("zuko", output_dir=str(tmp_path / "one"), **settings), 2).wait() == 0
    undisturbed = test_resume.newest_run()
    config = prepare("zuko", output_dir=str(tmp_path / "two"), **settings)
    launcher = test_resume.start(config, 2)
    while launcher.poll() is None and not list((tmp_path / "two").glob("*-state")):
        time.sleep(0.02)
    trainers = psutil.Process(launcher.pid).children(recursive=True)
    assert len(trainers) >= 2
    for process in (launcher, *trainers):
        process.send_signal(signal.SIGKILL)
    assert launcher.wait() == -signal.SIGKILL
    assert test_resume.start(config, 2, "--set", "resume", "last").wait() == 0
    test_resume.assert_same_run(tmp_path / "two", test_resume.newest_run(), tmp_path / "one", undisturbed)

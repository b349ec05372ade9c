"""Contents of a state, the newest complete one, and the settings that may continue from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError
from train_core.facts.run.states import BOUND, HANDLING, LENGTH, RATES, State, find_state, read_state, resume_problems


def config(tmp_path: Path, **values: Any) -> TrainConfig:
    given = {"output_dir": str(tmp_path), "output_name": "x", "resume": "last", **values}
    return TrainConfig.from_flat(given)


def write(tmp_path: Path, step: int, **said: Any) -> State:
    """A state of one number."""
    folder = tmp_path / f"{said.get('name', 'x')}-step{step:08d}-state"
    folder.mkdir()
    header = b'{"0":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (folder / "tensors.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    (folder / "parts.json").write_text("{}", encoding="utf-8")
    fields = {
        "format": 1, "step": step, "total_steps": 9, "written": float(step), "output_name": "x", "name": "x",
        "run_dir": "/runs/a", "data": "", "settings": config(tmp_path).applicable(), "files": [],
    }  # fmt: skip
    (folder / "state.json").write_text(json.dumps(fields | said), encoding="utf-8")
    return read_state(folder)


def test_last_is_the_newest_whole_state_of_the_output_name_and_of_the_run_where_one_is_known(tmp_path: Path) -> None:
    write(tmp_path, 2)
    newest = write(tmp_path, 4)
    write(tmp_path, 8, name="y", output_name="y")
    again = write(tmp_path, 6, name="x-2", run_dir="/runs/b")
    (write(tmp_path, 9).path / "tensors.safetensors").write_bytes(b"half")
    assert find_state(config(tmp_path)) == again
    assert find_state(config(tmp_path), Path("/runs/a")) == newest
    assert find_state(config(tmp_path, resume="")) is None


@pytest.mark.parametrize("name", ["state.json", "parts.json", "tensors.safetensors"])
def test_a_state_that_lacks_a_file_is_none(tmp_path: Path, name: str) -> None:
    state = write(tmp_path, 2)
    (state.path / name).unlink()
    with pytest.raises(UserError) as error:
        read_state(state.path)
    assert error.value.problems[0].code == "state_not_whole"


def test_a_state_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        write(tmp_path, 2, format=2)
    assert error.value.problems[0].code == "state_too_new"


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"learning_rate": 1e-5, "max_train_epochs": 99, "save_every_n_epochs": 3, "sample_prompts": "a dog"}, []),
        ({"use_cpu": True, "cache_latents": False, "output_dir": "elsewhere", "output_name": "y"}, []),
        ({"network_dim": 8, "train_batch_size": 3, "num_processes": 2}, ["resume_differs"] * 3),
        ({"text_encoder_lr": "0"}, ["resume_rate_zero", "resume_rate_zero"]),
    ],
)
def test_rates_length_saving_and_samples_may_differ_and_nothing_else(
    tmp_path: Path, values: dict[str, Any], refused: list[str]
) -> None:
    state = write(tmp_path, 2)
    found = resume_problems(config(tmp_path, **{"resume": str(state.path), **values}))
    assert [problem.code for problem in found] == refused


@pytest.mark.parametrize(("method", "refused"), [("LoRA", []), ("DreamBooth", ["resume_differs"])])
def test_weights_that_learn_stay_shared_out_or_whole(tmp_path: Path, method: str, refused: list[str]) -> None:
    given = {"training_method": method, "num_processes": 2, "network_dim": 4}
    state = write(tmp_path, 2, settings=config(tmp_path, **given).applicable())
    shared = config(tmp_path, **given, accelerate_config="fsdp.yaml", resume=str(state.path))
    assert [problem.code for problem in resume_problems(shared)] == refused
    moved = write(tmp_path, 4, settings=shared.applicable())
    again = config(tmp_path, **given, accelerate_config="moved.yaml", resume=str(moved.path))
    assert resume_problems(again) == []


def test_a_setting_that_is_newer_than_the_state_counts_as_its_default(tmp_path: Path) -> None:
    settings = config(tmp_path).applicable()
    del settings["train_batch_size"]
    write(tmp_path, 2, settings=settings)
    assert resume_problems(config(tmp_path)) == []
    assert len(resume_problems(config(tmp_path, train_batch_size=2))) == 1


def test_every_name_that_may_or_may_not_differ_is_a_setting() -> None:
    assert {setting.name for setting in TrainConfig.settings()} >= RATES | LENGTH | HANDLING | BOUND

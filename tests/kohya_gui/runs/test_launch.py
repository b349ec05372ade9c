"""Files that a start writes, and the world its processes find themselves in."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import yaml

from kohya_gui.runs.command import accelerate_yaml, child_environment, training_command
from kohya_gui.runs.devices import World
from kohya_gui.runs.launch import printable_command, start
from kohya_gui.runs.process import recall
from tests.kohya_gui.runs.conftest import new_run_folder, stand_in
from train_core.config.files import read_config
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir

HOSTILE_YAML = """
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
dynamo_config: {dynamo_backend: INDUCTOR, dynamo_mode: max-autotune}
mixed_precision: fp16
num_processes: 4
num_machines: 1
use_cpu: false
gpu_ids: all
"""


def world(processes: int = 1, device: str = "cpu", gpu_ids: str = "") -> World:
    return World(
        device=device, processes=processes, threads=1, port=launch_port(), mixed_precision="bf16", gpu_ids=gpu_ids
    )


def launch_port() -> int:
    from kohya_gui.runs.devices import free_port  # noqa: PLC0415 - a new one for every world

    return free_port()


@pytest.fixture
def hostile_machine(tmp_path, monkeypatch):
    """Another tool's accelerate defaults, and its variables in our environment."""
    for name, cache in (("HF_HOME", tmp_path / "hf"), ("XDG_CACHE_HOME", tmp_path / "cache")):
        file = (cache if name == "HF_HOME" else cache / "huggingface") / "accelerate" / "default_config.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(HOSTILE_YAML)
        monkeypatch.setenv(name, str(cache))
    for name, value in {
        "ACCELERATE_MIXED_PRECISION": "fp16", "ACCELERATE_DYNAMO_BACKEND": "INDUCTOR", "ACCELERATE_USE_FSDP": "true",
        "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "7", "WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "3",
        "MASTER_PORT": "1", "OMP_NUM_THREADS": "64", "PYTHONUTF8": "0",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


def worlds_of(processes: int, config) -> list[dict]:
    """Reports of the processes of a started world about themselves."""
    spread = {"num_processes": processes, "num_cpu_threads_per_process": 1, "use_cpu": True}
    handle = start(TrainConfig, config.model_copy(update={"launch": config.launch.model_copy(update=spread)}))
    assert handle.process.wait(timeout=300) == 0, (handle.folder / "console.log").read_text(encoding="utf-8")
    return [json.loads((handle.folder / f"world-{rank}.json").read_text()) for rank in range(processes)]


@pytest.mark.parametrize("processes", [1, 2])
def test_each_process_finds_the_world_that_was_planned_on_a_hostile_machine(
    processes, config, hostile_machine, monkeypatch
):
    stand_in(monkeypatch, "world")
    found = worlds_of(processes, config)
    assert [w["rank"] for w in found] == list(range(processes))
    for one in found:
        assert one["world"] == processes
        assert one["device"].startswith("cpu")
        assert one["mixed_precision"] == "bf16"
        assert one["dynamo"] == "NO"
        assert one["threads"] == 1
        assert one["offline"] == "1"
        assert one["utf8"] == 1


def test_the_file_gives_accelerate_every_key_it_would_take_from_the_users_own():
    from accelerate.commands.config.config_args import ClusterConfig  # noqa: PLC0415 - slow to import

    written = yaml.safe_load(accelerate_yaml(world()))
    elsewhere = {
        "fp8_config",
        "deepspeed_config",
        "fsdp_config",
        "parallelism_config",
        "megatron_lm_config",
        "mpirun_config",
    }
    tpu_pods = {"tpu_name", "tpu_zone", "command_file", "commands", "tpu_vm"}
    assert set(ClusterConfig.__dataclass_fields__) - elsewhere - tpu_pods <= set(written)
    assert set(written) <= set(ClusterConfig.__dataclass_fields__)


def test_cards_are_named_to_accelerate():
    assert yaml.safe_load(accelerate_yaml(world(2, "cuda", "1,3"))) | {"main_process_port": 0} == (
        yaml.safe_load(accelerate_yaml(world(2, "cuda")))
        | {"gpu_ids": "1,3", "distributed_type": "MULTI_GPU", "use_cpu": False, "main_process_port": 0}
    )


def test_machines_are_named_to_both_launchers():
    cards = World(
        device="cuda", processes=4, threads=1, port=29500, mixed_precision="bf16", gpu_ids="", machines=2,
        machine_rank=1, main_ip="10.0.0.1",
    )
    written = yaml.safe_load(accelerate_yaml(cards))
    assert (written["num_processes"], written["num_machines"], written["machine_rank"]) == (4, 2, 1)
    assert (written["main_process_ip"], written["main_process_port"]) == ("10.0.0.1", 29500)
    command = " ".join(training_command(replace(cards, device="cpu"), Path("a.yaml"), ["train_core", "train"]))
    assert "--nnodes 2 --node_rank 1 --nproc_per_node 2 --master_addr 10.0.0.1 --master_port 29500" in command


def test_several_processor_processes_go_through_torchs_launcher_and_all_else_through_accelerate():
    def launcher(planned: World) -> str:
        return training_command(planned, Path("a.yaml"), ["train_core", "train"])[2]

    assert launcher(world(2)) == "torch.distributed.run"
    assert {launcher(w) for w in (world(1), world(1, "cuda"), world(2, "cuda"), world(1, "mps"))} == {
        "accelerate.commands.launch"
    }


def test_secrets_stay_in_the_environment(monkeypatch, config):
    monkeypatch.setenv("WANDB_API_KEY", "geheim")
    assert child_environment(world())["WANDB_API_KEY"] == "geheim"
    assert "geheim" not in " ".join(training_command(world(), Path("a.yaml"), ["train_core", "train"]))


def test_a_run_folder_holds_everything_and_the_settings_read_back(config, monkeypatch):
    stand_in(monkeypatch, "crash")
    config = config.model_copy(
        update={"dataset": config.dataset.model_copy(update={"train_data_dir": "/data/bilder 家"})}
    )
    handle = start(TrainConfig, config)
    handle.process.wait(timeout=120)
    names = {path.name for path in handle.folder.iterdir()}
    assert {"config.toml", "accelerate.yaml", "console.log", "process.json", "control", "logs"} <= names
    assert handle.folder.parent == runs_dir()
    assert handle.id.endswith("-x")
    assert read_config(handle.folder / "config.toml").config == config
    assert recall(handle.folder).pid == handle.process.pid


def test_the_job_is_in_a_session_of_its_own(run_job):
    process = psutil.Process(recall(run_job("deaf")).pid)
    if sys.platform != "win32":
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
    process.kill()


def test_two_runs_of_one_second_get_two_folders():
    folders = {new_run_folder("x") for _ in range(5)}
    assert len(folders) == 5


@pytest.mark.parametrize("name", ["家 lora", "a/b\\c:d", "..", " . ", "x" * 300, "con\n"])
def test_any_output_name_makes_a_folder_in_the_runs_folder(name):
    assert new_run_folder(name).resolve().parent == runs_dir().resolve()


@pytest.mark.skipif(sys.platform == "win32", reason="the printed line is for cmd there, which these tests do not drive")
def test_the_printed_command_works_in_any_folder_and_makes_no_run(config, monkeypatch, tmp_path):
    stand_in(monkeypatch, "crash")
    line = printable_command(config)["bash"]
    config_file = Path(shlex.split(line)[-1])
    assert read_config(config_file, {"train_data_dir": "d"}).config.output == config.output
    assert not runs_dir().exists()
    shell = ["sh", "-c", line]
    ended = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert "out of memory" in ended.stderr

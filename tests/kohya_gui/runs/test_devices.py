"""The machine's devices, and how a job spreads over them."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from kohya_gui.runs import devices
from kohya_gui.runs.devices import Hardware, find_hardware, free_port, plan_world, usable_cores
from train_core.config.checks.launch import launch_contradictions
from train_core.config.problems import UserError
from train_core.config.sections.launch import LaunchSettings

CPU, TWO_CARDS = Hardware("cpu", 0), Hardware("cuda", 2)


def pretend(monkeypatch: pytest.MonkeyPatch, version: str, cards: int, platform: str = "linux") -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices.metadata, "version", lambda name: version)
    monkeypatch.setattr(devices, "_nvidia_cards", lambda: cards)
    monkeypatch.setattr(devices.sys, "platform", platform)


def test_a_card_counts_only_when_torch_was_built_for_it(monkeypatch):
    pretend(monkeypatch, "2.13.0+cpu", cards=1)
    assert find_hardware() == CPU
    pretend(monkeypatch, "2.13.0+cu130", cards=2)
    assert find_hardware() == TWO_CARDS


def test_torch_without_suffix_has_cuda_on_linux_only(monkeypatch):
    pretend(monkeypatch, "2.13.0", cards=2)
    assert find_hardware() == TWO_CARDS
    pretend(monkeypatch, "2.13.0", cards=2, platform="win32")
    assert find_hardware() == CPU


def test_hidden_cards_are_not_used(monkeypatch):
    pretend(monkeypatch, "2.13.0+cu130", cards=2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert find_hardware() == CPU


@pytest.mark.parametrize(("machine", "device"), [("arm64", "mps"), ("x86_64", "cpu")])
def test_only_apples_own_chip_has_mps(monkeypatch, machine, device):
    pretend(monkeypatch, "2.13.0", cards=0, platform="darwin")
    monkeypatch.setattr(devices.platform, "machine", lambda: machine)
    assert find_hardware().device == device


def test_fp16_on_a_processor_is_refused_and_bf16_named():
    with pytest.raises(UserError, match="bf16") as refused:
        plan_world(LaunchSettings(), "fp16", CPU)
    assert refused.value.problems[0].code == "fp16_on_cpu"
    with pytest.raises(UserError, match="bf16"):
        plan_world(LaunchSettings(use_cpu=True), "fp16", TWO_CARDS)
    assert plan_world(LaunchSettings(), "fp16", TWO_CARDS).device == "cuda"


def test_more_processes_than_cards_are_refused():
    with pytest.raises(UserError, match="2 devices"):
        plan_world(LaunchSettings(num_processes=3), "bf16", TWO_CARDS)
    with pytest.raises(UserError, match="1 devices"):
        plan_world(LaunchSettings(num_processes=2, gpu_ids="1"), "bf16", TWO_CARDS)
    assert plan_world(LaunchSettings(num_processes=3, use_cpu=True), "bf16", TWO_CARDS).processes == 3


def test_all_cores_are_shared_out_unless_a_number_is_set(monkeypatch):
    monkeypatch.setattr(devices, "usable_cores", lambda: 8)
    assert plan_world(LaunchSettings(), "no", CPU).threads == 8
    assert plan_world(LaunchSettings(num_processes=3), "no", CPU).threads == 2
    assert plan_world(LaunchSettings(num_processes=16), "no", CPU).threads == 1
    assert plan_world(LaunchSettings(num_cpu_threads_per_process=5), "no", CPU).threads == 5
    assert usable_cores() >= 1


def test_port_zero_becomes_one_that_can_be_bound():
    world = plan_world(LaunchSettings(main_process_port=0), "no", CPU)
    assert world.port > 0
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
    assert plan_world(LaunchSettings(main_process_port=29777), "no", CPU).port == 29777


def test_the_hardware_is_found_without_importing_torch():
    code = "import sys; from kohya_gui.runs import launch; launch.find_hardware(); sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, cwd=devices.Path(__file__).parents[3]).returncode == 0
    )


def test_devices_and_cores_of_several_machines_are_counted_on_each(monkeypatch):
    monkeypatch.setattr(devices, "usable_cores", lambda: 8)
    shared = {"num_machines": 2, "main_process_ip": "10.0.0.1", "main_process_port": 29500}
    world = plan_world(LaunchSettings(num_processes=4, machine_rank=1, **shared), "bf16", TWO_CARDS)
    assert (world.processes, world.processes_here, world.threads) == (4, 2, 4)
    assert (world.machines, world.machine_rank, world.main_ip, world.port) == (2, 1, "10.0.0.1", 29500)
    with pytest.raises(UserError, match="2 devices"):
        plan_world(LaunchSettings(num_processes=6, **shared), "bf16", TWO_CARDS)


def test_machines_that_cannot_meet_are_told_everything_at_once():
    launch = LaunchSettings(num_machines=2, num_processes=3, machine_rank=2)
    codes = {problem.code for problem in launch_contradictions(launch)}
    assert codes == {"processes_not_shared_evenly", "machine_rank_too_high", "machines_cannot_meet"}
    assert launch_contradictions(LaunchSettings(machine_rank=5)) == []

"""The job as real processes: from the command line, and two of them together."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image

from kohya_gui.runs.command import training_command
from kohya_gui.runs.devices import World, free_port
from tests.event_lines import read_events
from tests.train_core.jobs.conftest import Prepare
from train_core.config.places import app_dir, runs_dir
from train_core.models.files.stored import open_weights


def start(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(app_dir()), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def train_with(processes: int, config: Path) -> dict[str, torch.Tensor]:
    """The weights that `processes` CPU processes learn together."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    done = start([*(torchrun if processes > 1 else []), "-m", "train_core", "train", "--config_file", str(config)])
    assert done.returncode == 0, done.stdout + done.stderr
    finished = [read_events(run / "events.jsonl") for run in sorted(runs_dir().iterdir())]
    events = next(events for events in finished if Path(events[-1]["path"]).stem == config.stem)
    started = next(event for event in events if event["kind"] == "started")
    assert started["processes"] == processes
    return {name: one.read() for name, one in open_weights(Path(events[-1]["path"])).items()}


@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_processes_learn_what_one_learns_with_twice_the_batch(prepare: Prepare, accumulation: int) -> None:
    settings = {
        "optimizer_type": "SGDNesterov", "learning_rate": 1e-2, "flip_aug": True, "shuffle_caption": True,
        "gradient_accumulation_steps": accumulation, "max_train_epochs": 1, "rank_dropout": 0.2, "module_dropout": 0.1,
        "timestep_sampling": "loss_aware", "noise_offset": 0.1, "noise_offset_random_strength": True,
        "multires_noise_iterations": 3, "ip_noise_gamma": 0.1,
    }
    one = train_with(1, prepare("one", train_batch_size=2, **settings))
    two = train_with(2, prepare("two", train_batch_size=1, **settings))
    assert one.keys() == two.keys()
    moved = max(tensor.abs().max().item() for name, tensor in one.items() if "lora_up" in name)
    assert moved > 1e-5
    assert max((one[name] - two[name]).abs().max().item() for name in one) < moved * 1e-2


@pytest.mark.slow  # two minutes; the other tests here show two processes that learn, with the usual algorithm
def test_two_processes_learn_the_same_with_another_algorithm_and_limited_norms(prepare: Prepare) -> None:
    settings = {
        "optimizer_type": "SGDNesterov", "learning_rate": 1.0, "max_train_epochs": 1, "LoRA_type": "LoKr", "factor": 4,
        "dora_wd": True, "module_dropout": 0.2, "rank_dropout": 0.2, "scale_weight_norms": 0.05, "train_norm": True,
    }  # fmt: skip
    one = train_with(1, prepare("one", train_batch_size=2, **settings))
    two = train_with(2, prepare("two", train_batch_size=1, **settings))
    start = train_with(1, prepare("start", train_batch_size=2, **{**settings, "learning_rate": 1e-30}))
    moved = max((one[name] - start[name]).abs().max().item() for name in one)
    assert moved > 1e-4
    assert max((one[name] - two[name]).abs().max().item() for name in one) < moved * 1e-2


def test_two_machines_learn_what_one_process_learns_with_twice_the_batch(prepare: Prepare) -> None:
    settings = {"optimizer_type": "SGDNesterov", "learning_rate": 1e-2, "max_train_epochs": 1}
    one = train_with(1, prepare("one", train_batch_size=2, **settings))
    launch = {"num_machines": 2, "num_processes": 2, "main_process_ip": "127.0.0.1", "main_process_port": free_port()}
    config = prepare("both", train_batch_size=1, **settings, **launch)
    commands = [
        training_command(
            World(
                device="cpu", processes=2, threads=1, port=launch["main_process_port"], mixed_precision="no",
                gpu_ids="", machines=2, machine_rank=rank,
            ),
            Path("unused"), ["train_core", "train", "--config_file", str(config)],
        )
        for rank in (0, 1)
    ]  # fmt: skip
    with ThreadPoolExecutor(2) as machines:
        ended = list(machines.map(lambda command: start(command[1:]), commands))
    assert [done.returncode for done in ended] == [0, 0], ended[0].stdout + ended[0].stderr
    stored = open_weights(config.parent / "out" / "both.safetensors")
    both = {name: tensor.read() for name, tensor in stored.items()}
    moved = max(tensor.abs().max().item() for name, tensor in one.items() if "lora_up" in name)
    assert max((one[name] - both[name]).abs().max().item() for name in one) < moved * 1e-2


def test_two_processes_train_a_text_encoder_whose_last_layer_is_skipped(prepare: Prepare) -> None:
    train_with(2, prepare("skipping", train_batch_size=1, clip_skip=2, max_train_epochs=0, max_train_steps=2))


def test_two_processes_with_a_share_of_the_model_each_learn_and_draw_the_same(
    prepare: Prepare, tmp_path: Path, images: Path
) -> None:
    file = tmp_path / "fsdp.yaml"
    file.write_text("distributed_type: FSDP\nfsdp_config: {fsdp_version: 2, fsdp_reshard_after_forward: true}\n")
    regular = images.parent / "reg" / "1_dog"
    regular.mkdir(parents=True)
    Image.effect_noise((64, 64), 90).convert("RGB").save(regular / "0.png")
    settings = {
        "optimizer_type": "SGDNesterov", "learning_rate": 1e-2, "max_train_epochs": 1, "validation_split": 0.3,
        "sample_prompts": "a dog --w 64 --h 64 --s 1", "gradient_checkpointing": True, "clip_skip": 1,
        "reg_data_dir": str(regular.parent), "diff_output_preservation": True,
    }
    one = train_with(1, prepare("one", train_batch_size=2, **settings))
    launch = {"num_processes": 2, "accelerate_config": str(file)}
    two = train_with(2, prepare("two", train_batch_size=1, **settings, **launch))
    moved = max(tensor.abs().max().item() for name, tensor in one.items() if "lora_up" in name)
    assert max((one[name] - two[name]).abs().max().item() for name in one) < moved * 1e-2
    runs = [read_events(run / "events.jsonl") for run in sorted(runs_dir().iterdir())]
    measured = [[event["loss"] for event in events if event["kind"] == "validation"] for events in runs]
    assert measured[0] == pytest.approx(measured[1], rel=1e-3)
    assert [len([event for event in events if event["kind"] == "sample"]) for events in runs] == [1, 1]


def test_two_processes_stop_the_text_encoder_together(prepare: Prepare) -> None:
    settings = {
        "optimizer_type": "SGDNesterov", "learning_rate": 1e-2, "max_train_epochs": 1,
        "stop_text_encoder_training": "2",
    }
    one = train_with(1, prepare("one", train_batch_size=2, **settings))
    two = train_with(2, prepare("two", train_batch_size=1, **settings))
    moved = max(tensor.abs().max().item() for name, tensor in one.items() if "lora_up" in name)
    assert max((one[name] - two[name]).abs().max().item() for name in one) < moved * 1e-2


def test_two_processes_draw_a_share_of_the_samples_each_and_the_same_pictures_as_one(prepare: Prepare) -> None:
    prompts = "\n".join(f"a {colour} dog --w 64 --h 64 --s 1" for colour in ("red", "blue", "tan"))
    settings = {"max_train_epochs": 0, "max_train_steps": 1, "sample_prompts": prompts, "sample_at_first": True}
    pictures = {}
    for name, processes in (("one", 1), ("two", 2)):
        train_with(processes, prepare(name, train_batch_size=2 // processes, **settings))
        events = next(
            found for found in (read_events(run / "events.jsonl") for run in runs_dir().iterdir())
            if found[-1]["path"].endswith(f"{name}.safetensors")
        )
        drawn = [event for event in events if event["kind"] == "sample" and event["step"] == 0]
        pictures[name] = {event["index"]: Image.open(event["path"]).tobytes() for event in drawn}
        assert len(drawn) == 3
    assert pictures["one"] == pictures["two"]


def test_a_mistake_ends_the_command_with_words_and_a_code(prepare: Prepare, tmp_path: Path) -> None:
    config = prepare("wrong", train_data_dir=str(tmp_path / "nowhere"))
    done = start(["-m", "train_core", "train", "--config_file", str(config)])
    assert done.returncode == 1
    assert "nowhere" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_unknown_job_names_the_nearest() -> None:
    done = start(["-m", "train_core", "trian", "--config_file", "x.toml"])
    assert done.returncode == 2
    assert done.stderr.strip() == "trian is not a job. Did you mean train?"


def test_help_needs_no_torch() -> None:
    code = "import sys; from train_core.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    done = start(["-c", code + "sys.exit('torch' in sys.modules)"])
    assert done.returncode == 0, done.stderr

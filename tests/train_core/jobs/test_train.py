"""A whole training job, in this process: what it writes, what it says, and that it repeats itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.event_lines import Event, read_events
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.workshop.conftest import random_adapter
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir
from train_core.events.kinds import SampleDrawn
from train_core.events.requests import request
from train_core.jobs import devices
from train_core.jobs.start import start_job
from train_core.networks.files.adapter_file import save_adapter
from train_core.run.samples import SampleDrawer
from train_core.run.training import Training


def run(config: Path, **overrides: str) -> list[Event]:
    """Train as `config` says; the events of the run."""
    before = set(runs_dir().glob("*")) if runs_dir().exists() else set()
    start_job(TrainConfig, config, overrides)
    (run_dir,) = set(runs_dir().glob("*")) - before
    return read_events(run_dir / "events.jsonl")


def kinds(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event["kind"] == kind]


def weights(events: list[Event]) -> dict[str, torch.Tensor]:
    assert events[-1]["status"] == "completed", kinds(events, "error")
    return load_file(events[-1]["path"])


def tensor_bytes(events: list[Event]) -> bytes:
    """All that follows a safetensors file's header, which holds the time of writing."""
    content = Path(events[-1]["path"]).read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    assert first.keys() == second.keys()
    return max((first[name] - second[name]).abs().max().item() for name in first)


def test_a_run_says_what_it_does_and_leaves_file_settings_and_logs(prepare: Prepare, tmp_path: Path) -> None:
    events = run(prepare("zuko"))
    assert events[-1] == {**events[-1], "kind": "finished", "status": "completed", "step": 8}
    started = kinds(events, "started")[0]
    # Three images twice and two once: 6 and 2 samples in batches of 2 make 4 steps an epoch.
    assert (started["total_steps"], started["epochs"], started["images"]) == (8, 2, 5)
    assert kinds(events, "progress")[-1]["step"] == started["total_steps"]
    assert all(event["grad_norm"] > 0 for event in kinds(events, "progress"))
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {"zuko.safetensors", "zuko.toml", "zuko.preset.json"}
    (run_dir,) = runs_dir().iterdir()
    assert list((run_dir / "logs").glob("events.out.tfevents.*"))
    logged = EventAccumulator(str(run_dir / "logs")).Reload()
    assert 'output_name = "zuko"' in logged.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()


def test_training_learns(prepare: Prepare) -> None:
    events = run(prepare("learns", max_train_epochs=12, learning_rate=3e-3, train_batch_size=4))
    moved = [tensor.abs().max().item() > 0 for name, tensor in weights(events).items() if "lora_up" in name]
    assert sum(moved) > 0.9 * len(moved)  # queries and keys over a single place, deep in a tiny U-Net, cannot learn
    losses = [event["average"] for event in kinds(events, "progress")]
    assert losses[-1] < 0.97 * losses[0]


def test_the_same_settings_give_the_same_bytes(prepare: Prepare) -> None:
    settings: dict[str, Any] = {
        "network_dropout": 0.2, "rank_dropout": 0.1, "module_dropout": 0.2, "shuffle_caption": True, "flip_aug": True,
        "caption_dropout_rate": 0.3, "noise_offset": 0.1, "min_snr_gamma": 5, "conv_dim": 2,
        "metadata_depth": "minimal",
    }
    first, second = run(prepare("first", **settings)), run(prepare("second", **settings))
    weights(first)
    assert tensor_bytes(first) == tensor_bytes(second)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("caching_off", {"cache_latents": False}),
        ("caching_on_disk", {"cache_latents_to_disk": True}),
        ("workers", {"cache_latents": False, "max_data_loader_n_workers": 4}),
    ],
)
def test_how_images_are_loaded_does_not_change_what_is_learnt(prepare: Prepare, name: str, values: dict) -> None:
    plain = weights(run(prepare("plain", flip_aug=True, max_train_epochs=1)))
    other = weights(run(prepare(name, flip_aug=True, max_train_epochs=1, **values)))
    assert difference(plain, other) < 1e-5


def test_only_the_part_asked_for_is_trained(prepare: Prepare) -> None:
    unet_only = weights(run(prepare("unet_only", network_train_unet_only=True, max_train_epochs=1)))
    text_only = weights(run(prepare("text_only", network_train_text_encoder_only=True, max_train_epochs=1)))
    assert {name.split("_")[1] for name in unet_only} == {"unet"}
    assert {name.split("_")[1] for name in text_only} == {"te"}
    assert any(t.abs().max() > 0 for name, t in text_only.items() if "lora_up" in name)


def test_separate_rates_reach_their_parts_and_rate_zero_learns_nothing(prepare: Prepare) -> None:
    events = run(prepare("rates", unet_lr=2e-4, text_encoder_lr=0))
    assert kinds(events, "progress")[-1]["lr"] == {"unet": 2e-4}
    learnt = weights(events)
    assert all(t.abs().max() == 0 for name, t in learnt.items() if "_te_" in name and "lora_up" in name)


@pytest.mark.parametrize("optimizer", ["AdamW8bit", "DAdaptAdam", "Adafactor", "Lion"])
def test_optimizers_of_every_kind_finish_a_run(prepare: Prepare, optimizer: str) -> None:
    rate = 1.0 if optimizer == "DAdaptAdam" else 1e-3
    events = run(prepare(optimizer, optimizer_type=optimizer, learning_rate=rate, max_train_epochs=1))
    assert any(t.abs().max() > 0 for name, t in weights(events).items() if "lora_up" in name)
    if optimizer == "DAdaptAdam":
        assert kinds(events, "progress")[-1]["lr"]["d*lr"] > 0


@pytest.mark.parametrize(
    "values",
    [
        {"mixed_precision": "bf16"},
        {"gradient_checkpointing": True, "clip_skip": 2, "max_token_length": 150},
        {"gradient_accumulation_steps": 3, "max_grad_norm": 0, "lr_scheduler": "cosine", "lr_warmup_steps": "10%"},
    ],
)
def test_other_ways_of_training_finish(prepare: Prepare, values: dict) -> None:
    weights(run(prepare("ways", max_train_epochs=1, **values)))


def test_a_processor_without_bf16_calculates_in_fp32_and_says_so(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(prepare("plain", max_train_epochs=1))
    monkeypatch.setattr(devices, "has_bf16", lambda device: False)
    events = run(prepare("asked", max_train_epochs=1, mixed_precision="bf16"))
    assert "bf16_not_in_this_processor" in [event["code"] for event in kinds(events, "notice")]
    assert difference(weights(plain), weights(events)) == 0


def test_gradient_checkpointing_changes_nothing_but_memory(prepare: Prepare) -> None:
    plain = weights(run(prepare("plain", max_train_epochs=1, network_dropout=0.3)))
    checkpointed = weights(run(prepare("saved", max_train_epochs=1, network_dropout=0.3, gradient_checkpointing=True)))
    assert difference(plain, checkpointed) < 1e-5


def test_files_are_saved_when_due_under_their_names(prepare: Prepare, tmp_path: Path) -> None:
    events = run(prepare("zuko", save_every_n_epochs=1, save_every_n_steps=3))
    total, per_epoch = kinds(events, "started")[0]["total_steps"], kinds(events, "started")[0]["steps_per_epoch"]
    expected = {"zuko-000001.safetensors", "zuko.safetensors"}
    expected |= {f"zuko-step{step:08d}.safetensors" for step in range(3, total + 1, 3)}
    assert {path.name for path in (tmp_path / "out").glob("*.safetensors")} == expected
    assert total == 2 * per_epoch


def test_nothing_is_overwritten(prepare: Prepare, tmp_path: Path) -> None:
    config = prepare("zuko", max_train_epochs=1)
    first = Path(run(config)[-1]["path"]).read_bytes()
    second = run(config)
    assert Path(second[-1]["path"]).name == "zuko-2.safetensors"
    assert (tmp_path / "out" / "zuko.safetensors").read_bytes() == first


def test_steps_can_end_a_run_within_an_epoch(prepare: Prepare) -> None:
    events = run(prepare("short", max_train_epochs=0, max_train_steps=3))
    assert events[-1]["step"] == 3


def test_samples_are_drawn_when_due(prepare: Prepare, tmp_path: Path) -> None:
    prompts = "a dog --s 2 --w 64 --h 64 --d 1 --l 1\na cat --s 2 --l 1"
    events = run(prepare("zuko", sample_prompts=prompts, sample_at_first=True))
    drawn = kinds(events, "sample")
    assert [(event["index"], event["epoch"]) for event in drawn] == [
        (0, None), (1, None), (0, 1), (1, 1), (0, 2), (1, 2),
    ]
    assert {Path(event["path"]) for event in drawn} == set((tmp_path / "out" / "sample").iterdir())


SAMPLES = {"sample_prompts": "a dog --s 2 --l 1\na cat --s 2 --l 1", "sample_at_first": True}


def test_drawing_is_told_picture_by_picture(prepare: Prepare) -> None:
    stages = [(event["name"], event.get("done")) for event in kinds(run(prepare("zuko", **SAMPLES)), "stage")]
    first = stages.index(("sampling", 0))
    assert stages[first : first + 4] == [("sampling", 0), ("sampling", 1), ("sampling", 2), ("training", None)]


def test_time_spent_drawing_is_not_counted_in_the_speed(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, draw, late = time.monotonic, SampleDrawer.draw, [0]

    def draw_slowly(self: SampleDrawer, step: int, epoch: int | None) -> None:
        late[0] += 100_000
        draw(self, step, epoch)

    monkeypatch.setattr(time, "monotonic", lambda: clock() + late[0])
    monkeypatch.setattr(SampleDrawer, "draw", draw_slowly)
    events = run(prepare("zuko", sample_every_n_steps=2, **SAMPLES))
    assert late[0] > 100_000
    assert all(event["speed"] > 0.01 for event in kinds(events, "progress"))


@pytest.mark.parametrize("step", [0, 2])
def test_a_stop_while_samples_are_drawn_gives_up_the_rest_and_ends_the_run_there(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    tell = SampleDrawer._tell

    def tell_and_stop(self: SampleDrawer, drawn: SampleDrawn) -> SampleDrawn:
        if drawn.step == step:
            request(max(runs_dir().iterdir()), "stop")
        return tell(self, drawn)

    monkeypatch.setattr(SampleDrawer, "_tell", tell_and_stop)
    events = run(prepare("zuko", sample_every_n_steps=2, **SAMPLES))
    assert [event["index"] for event in kinds(events, "sample") if event["step"] == step] == [0]
    assert (events[-1]["status"], events[-1]["step"]) == ("stopped", step)
    assert [Path(event["path"]).stem for event in kinds(events, "saved")] == ["zuko-step00000002"][: step // 2]
    assert [event["request"] for event in kinds(events, "ack")] == ["stop"]


def test_drawing_samples_changes_nothing_that_is_learnt(prepare: Prepare) -> None:
    plain = weights(run(prepare("without", cache_latents=False)))
    samples = {"sample_prompts": "a dog --s 2", "sample_every_n_steps": 2}
    assert difference(plain, weights(run(prepare("with", cache_latents=False, **samples)))) == 0


def test_other_networks_are_on_the_model_for_their_pictures_alone(prepare: Prepare, tmp_path: Path) -> None:
    def trained(**samples: Any) -> list[Event]:
        return run(prepare("zuko", cache_latents=False, max_train_epochs=1, **samples))

    (tmp_path / "files").mkdir()
    metadata = {"ss_base_model_version": "sd_v1"}
    save_adapter(tmp_path / "files" / "fox.safetensors", random_adapter("sd1").state_dict_for_file(), metadata)
    tags = ["", "<lora:fox:0.8>", "<lora:ZUKO:1>", "<lora:zuko-000001:1>", "<lora:fox:0:1:start=2>"]
    events = trained(
        sample_prompts="\n".join(f"a dog {tag} --w 64 --h 64 --s 2 --d 1 --l 1" for tag in tags),
        sample_at_first=True, sample_folders=[str(tmp_path / "files")],
    )  # fmt: skip
    pictures = [Image.open(event["path"]).tobytes() for event in kinds(events, "sample") if event["epoch"] is None]
    plain, fox, own, earlier, late = pictures
    assert plain == own == earlier and len({plain, fox, late}) == 3
    unloaded = [event for event in kinds(events, "warning") if event["code"] == "prompt_networks_unloaded"]
    assert [event["params"]["text"] for event in unloaded] == tags[2:4]
    assert difference(weights(events), weights(trained())) == 0
    missing = run(prepare("zuko", sample_prompts="a <lora:owl:1>", sample_folders=[str(tmp_path / "files")]))
    assert [event["code"] for event in kinds(missing, "error")] == ["network_not_found"]


def test_the_file_says_how_it_was_made(prepare: Prepare) -> None:
    events = run(prepare("zuko", training_comment="hello"))
    with safe_open(events[-1]["path"], "pt") as file:
        metadata = file.metadata()
    assert metadata["ss_network_dim"] == "4"
    assert metadata["ss_network_module"] == "networks.lora"
    assert metadata["ss_base_model_version"] == "sd_v1"
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert metadata["ss_training_comment"] == "hello"
    assert metadata["ss_steps"] == str(events[-1]["step"])
    assert '"2_zuko dog"' in metadata["ss_dataset_dirs"]
    assert len(metadata["sshs_model_hash"]) == 64


def test_a_stop_saves_what_was_learnt_under_a_step_name(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Training.report

    def stop_after_three(self: Any, epoch: int, loss: torch.Tensor) -> None:
        original(self, epoch, loss)
        if self.step == 3:
            request(self.upkeep.control.run_dir, "stop")

    monkeypatch.setattr(Training, "report", stop_after_three)
    events = run(prepare("zuko"))
    assert (events[-1]["status"], events[-1]["step"]) == ("stopped", 3)
    assert Path(events[-1]["path"]).name == "zuko-step00000003.safetensors"
    assert [event["request"] for event in kinds(events, "ack")] == ["stop"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"mixed_precision": "fp16"}, "fp16_on_cpu"),
        ({"optimizer_type": "AdamV"}, "optimizer_unknown"),
    ],
)
def test_what_cannot_work_is_told_with_its_code(prepare: Prepare, values: dict, code: str) -> None:
    events = run(prepare("wrong", **values))
    assert [event["code"] for event in kinds(events, "error")] == [code]
    assert events[-1]["status"] == "failed"


def test_mistakes_in_images_and_prompts_are_told_before_a_model_is_loaded(prepare: Prepare, images: Path) -> None:
    (images / "2_zuko dog" / "0.png").write_bytes(b"not a picture")
    events = run(prepare("wrong", sample_prompts="a dog --w wide\n--n only negative"))
    assert not [event for event in kinds(events, "stage") if event["name"] == "loading"]
    assert len(kinds(events, "error")) == 3
    assert events[-1]["status"] == "failed"

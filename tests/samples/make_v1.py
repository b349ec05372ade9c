"""Make the samples of version 1, `tests/samples/v1`: run with the commit 9c65b35 and this folder laid over it.

    git checkout 9c65b35
    git checkout $(git log --diff-filter=A --format=%H main -- tests/samples/make_v1.py) -- tests/samples
    python -m tests.samples.make_v1

The imports below are of that commit; the helpers beside this file have gone on with the program.

They are what that version of Crucible has written, so they are never made anew with another: what must not change is
that later versions read them, and go on from them to the same bytes. Every training runs on the processor in a process
of its own with one thread. Weights, states and pictures come out the same each time, on a processor of which the probe
says the same; times, process numbers and how many lines of progress there are do not. After a run only this is changed
in its files: the folder that they were in becomes {ROOT}, process numbers become one that no process has, and the
computer's name goes from the names of TensorBoard's files.

What is in `v1`:

    root/           the folder that the samples lie in for a user: images, settings files, Crucible's home, results
    results/        what the runs must end with
    *.shapes        the tensors of the base models; `tests.samples.arithmetic` fills them
    settings.json   what each settings file says, every setting by name
    runs.json       how the page shows each run and each use of a tool
    curves.json     the curves of the runs that are resumed, at their end
    merged.json     the checkpoints into which the adapters are merged
    probe.json      how the processor calculates that made all this
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from kohya_gui.presets import read_settings, save_preset_as
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import nn
from train_core.config.train import TrainConfig
from train_core.models.sd1 import SD1
from train_core.models.sdxl import SDXL
from train_core.models.stable_diffusion import StableDiffusion, single_file
from train_core.models.weights import in_memory
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

from kohya_gui.runs.devices import World
from kohya_gui.runs.follow import RunFollower
from kohya_gui.runs.launch import ENTRY, start_in
from tests.samples.arithmetic import numbers, probe
from tests.samples.kept import (
    OF_THE_END,
    OF_THE_START,
    ROOT,
    TEXTS,
    VERSION_1,
    curves,
    plant,
    shown,
    split_file,
    unrooted,
    write_bases,
)
from tests.samples.merging import ADAPTERS, merged
from train_core.config.files import check_values, dump_tables, read_config, write_toml
from train_core.config.places import app_dir
from train_core.events import read_events, request

NO_PROCESS = 99_999_999  # beyond what any system numbers processes with
WIDTH = 32  # of everything, and 64 where SDXL's heads want it
LORA, LOKR, LOHA = "20260102-000000-zuko", "20260103-000000-kron", "20260101-000000-loha"

Settings = dict[str, Any]
OF_ALL: Settings = {
    "output_dir": f"{ROOT}/out", "resolution": "128", "min_bucket_reso": 64, "network_dim": 2, "network_alpha": 1.0,
    "max_train_epochs": 2, "train_batch_size": 2, "mixed_precision": "no", "save_precision": "float",
    "use_cpu": True, "num_cpu_threads_per_process": 1, "seed": 5,
}  # fmt: skip
OF_SD1: Settings = {
    "pretrained_model_name_or_path": f"{ROOT}/base/sd1.safetensors", "train_data_dir": f"{ROOT}/images",
    "block_dims": ",".join("2" if block in (4, 12, 18, 22) else "0" for block in range(25)),
}  # fmt: skip
# Optimizers that divide by the size of gradients make much of last bits where these are nearly zero: hence eps.
OF_RUNS: dict[str, Settings] = {
    "zuko": {
        **OF_ALL, **OF_SD1, "optimizer_type": "AdamW", "optimizer_args": ["eps=1e-6"], "learning_rate": 1e-3,
        "text_encoder_lr": "5e-4", "lr_scheduler": "cosine", "lr_warmup_steps": "2", "shuffle_caption": True,
        "keep_tokens": 1, "caption_dropout_rate": 0.1, "flip_aug": True, "cache_latents": False, "min_snr_gamma": 5.0,
        "noise_offset": 0.05, "network_dropout": 0.1, "save_every_n_epochs": 1, "save_state_every_n_steps": 4,
        "scale_weight_norms": 0.1, "sample_prompts": "a zuko dog --w 64 --h 64 --s 2 --d 1 --l 2 --n a cat",
        "training_comment": "Zuko – 家",
    },
    "kron": {
        **OF_ALL, "pretrained_model_name_or_path": f"{ROOT}/base/sdxl.safetensors", "v_parameterization": "v",
        "dataset_config": f"{ROOT}/images.toml", "LoRA_type": "LoKr", "factor": 4, "network_dim": 1,
        "block_dims": ",".join("1" if block in (5, 12, 16) else "0" for block in range(23)),
        "optimizer_type": "Prodigy", "optimizer_args": ["d0=3e-4"], "learning_rate": 1.0, "lr_scheduler": "constant",
        "ema_decay": 0.9, "network_train_unet_only": True, "cache_text_encoder_outputs": True,
        "zero_terminal_snr": True, "validation_split": 0.3, "validate_every_n_steps": 2, "save_state_every_n_steps": 3,
        "max_train_epochs": 4, "on_divergence": "recover",
    },
    "loha": {
        **OF_ALL, **OF_SD1, "LoRA_type": "LoHa", "dora_wd": True, "rank_dropout": 0.1, "conv_dim": 1,
        "conv_block_dims": ",".join("1" if block == 4 else "0" for block in range(25)), "use_tucker": True,
        "network_train_unet_only": True, "optimizer_type": "AdamWScheduleFree", "optimizer_args": ["eps=1e-5"],
        "learning_rate": 1e-3, "lr_scheduler": "constant", "timestep_sampling": "loss_aware",
        "gradient_accumulation_steps": 2, "clip_skip": 2, "max_token_length": 150,
    },
}  # fmt: skip
SD_SCRIPTS = f"""\
pretrained_model_name_or_path = "{ROOT}/base/sd1.safetensors"
train_data_dir = "{ROOT}/images"
output_dir = "{ROOT}/out"
output_name = "theirs"
resolution = "640,512"
caption_extention = ".txt"
network_module = "lycoris.kohya"
network_args = ["algo=loha", "conv_dim=8", "conv_alpha=4", "rank_dropout=0.1"]
network_dim = 8
network_alpha = 4
use_8bit_adam = true
optimizer_args = ["weight_decay=0.1", "betas=0.9,0.99"]
text_encoder_lr = [5e-5]
unet_lr = 1e-4
lr_scheduler = "cosine_with_restarts"
lr_scheduler_num_cycles = 2
lr_warmup_steps = 0.1
max_train_steps = 700
mixed_precision = "bf16"
xformers = true
min_snr_gamma = 5
"""


def main() -> None:
    """Make all samples anew."""
    torch.set_num_threads(1)
    shutil.rmtree(VERSION_1, ignore_errors=True)
    VERSION_1.mkdir()
    write_json("probe.json", probe())
    write_shapes()
    with tempfile.TemporaryDirectory() as folder:
        first, again, afresh = (Path(folder).resolve() / name for name in ("first", "again", "afresh"))
        make_sources(first)
        run_all(first)
        keep(first)
        end_what_was_interrupted(again)
        compare_with_undisturbed(again, afresh)
    describe()


def write_json(name: str, value: Any) -> None:
    """Write one of the samples' own tables."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=str)
    (VERSION_1 / name).write_text(text + "\n", encoding="utf-8", newline="\n")


# The base models


def write_shapes() -> None:
    """Write names and shapes of the tensors of a tiny SD 1.x and a tiny SDXL, both in Stability's layout."""
    for family, modules in ((SD1, sd1_modules()), (SDXL, sdxl_modules())):
        lines = [" ".join(map(str, (name, *shape))) for name, shape in shapes_of(family, modules)]
        (VERSION_1 / f"{family.kind}.shapes").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def shapes_of(family: type[StableDiffusion], modules: Mapping[str, nn.Module]) -> Iterator[tuple[str, tuple[int, ...]]]:
    stored = {name: in_memory(module.state_dict()) for name, module in modules.items()}
    for name, tensor in sorted(single_file(family.parts, stored, {}).items()):
        yield name, tuple(tensor.shape)


def text_config(layers: int, act: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=layers, num_attention_heads=1,
        vocab_size=49408, hidden_act=act, projection_dim=WIDTH,
    )  # fmt: skip


def vae() -> nn.Module:
    return AutoencoderKL(
        block_out_channels=(16,) * 4, latent_channels=4, layers_per_block=2, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip


def sd1_modules() -> dict[str, nn.Module]:
    unet = UNet2DConditionModel(
        block_out_channels=(WIDTH,) * 4, cross_attention_dim=WIDTH, attention_head_dim=8, norm_num_groups=8
    )
    return {"unet": unet, "text_encoder": CLIPTextModel(text_config(2, "quick_gelu")), "vae": vae()}


def sdxl_modules() -> dict[str, nn.Module]:
    unet = UNet2DConditionModel(
        block_out_channels=(WIDTH, 2 * WIDTH, 2 * WIDTH), cross_attention_dim=2 * WIDTH, attention_head_dim=(1, 1, 1),
        use_linear_projection=True, norm_num_groups=8, transformer_layers_per_block=(1, 1, 1),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=WIDTH + 6 * 256,
    )  # fmt: skip
    return {
        "unet": unet, "text_encoder": CLIPTextModel(text_config(2, "quick_gelu")),
        "text_encoder_2": CLIPTextModelWithProjection(text_config(2, "gelu")), "vae": vae(),
    }  # fmt: skip


# Images and settings


def make_sources(root: Path) -> None:
    """Write what a user has before the first run: base models, images, settings files, a preset."""
    write_bases(VERSION_1, root)
    for name, size, count in (("2_zuko dog", (128, 128), 3), ("1_tall cat", (75, 150), 2)):
        folder = root / "images" / name
        folder.mkdir(parents=True)
        for number in range(count):
            draw(folder / f"{number}.png", size)
            if number:
                caption = f"{name[2:]}, tag{number}, other, a third – 家"
                (folder / f"{number}.txt").write_text(caption, encoding="utf-8")
    subsets = [
        {"image_dir": f"images/{name}", "num_repeats": repeats, "class_tokens": "an animal"}
        for name, repeats in (("2_zuko dog", 2), ("1_tall cat", 1))
    ]
    dataset = {"resolution": 128, "batch_size": 1, "subsets": subsets}
    (root / "images.toml").write_text(dump_tables({"datasets": [dataset]}), encoding="utf-8")
    (root / "sd-scripts.toml").write_text(SD_SCRIPTS.replace(ROOT, str(root)), encoding="utf-8")
    write_toml(root / "zuko.toml", config_of(root, "zuko"))
    with_home(root)
    save_preset_as("loha", config_of(root, "loha"))


def draw(path: Path, size: tuple[int, int]) -> None:
    """Draw a picture of coloured squares."""
    few = (numbers(path.name + path.parent.name, 5, 5, 3) * 127 + 128).astype(np.uint8)
    Image.fromarray(few).resize(size, Image.Resampling.NEAREST).save(path, optimize=True)


def config_of(root: Path, name: str, like: str = "", **values: Any) -> TrainConfig:
    """The settings of the run `name`, those of `like` where one is given, with `values` over them."""
    settings = {**OF_RUNS[like or name], "output_name": name, **values}
    said = {key: value.replace(ROOT, str(root)) if isinstance(value, str) else value for key, value in settings.items()}
    return check_values(said, "the samples", {}).config


# Runs


def run_all(root: Path) -> None:
    """Let every kind of job end in every way."""
    completed_from_the_page(root)
    paused(root)
    killed(root)
    ended(root, "20260104-000000-stopped", config_of(root, "stopped", "loha"), "stop")
    ended(root, "20260105-000000-failed", config_of(root, "failed", "loha", train_data_dir=f"{root}/nothing"), code=1)
    ended(
        root, "20260106-000000-zuko-rate", config_of(root, "zuko", find_rate_steps=20, learning_rate=1e-3),
        job="find_rate",
    )  # fmt: skip
    made: Settings = {"class_data_dir": f"{root}/class images", "num_class_images": 1, "class_sample_steps": 1}
    ended(root, "20260107-000000-zuko-class-images", config_of(root, "zuko", **made), job="class_images")
    adapter = str(root / "out" / "zuko-000001.safetensors")
    tool(root, "20260102-000002-inspect", inspected=adapter)
    smaller = {"save_to": str(root / "out" / "smaller.safetensors"), "result_precision": "fp16"}
    tool(root, "20260102-000001-resize_lora", adapter=adapter, tool_rank="1", **smaller)


def completed_from_the_page(root: Path) -> None:
    """Train from the preset as the page does, with its launcher."""
    with_home(root)
    folder = run_folder(root, LOHA)
    config = read_config(root / "home" / "presets" / "loha.json").config
    world = World("cpu", 1, 1, 29500, "no", "")
    assert start_in(folder, config, world, list(ENTRY)).process.wait() == 0


def paused(root: Path) -> None:
    """Train to the end of the first epoch, be killed there, go on, and be paused one step into the second."""
    folder = run_folder(root, LORA, config_of(root, "zuko"))
    train_until(root, folder, "state", 4)
    request(folder, "pause")
    assert train(root, folder, "--set", "resume", "last") == 0
    assert read_events(folder / "events.jsonl")[-1]["status"] == "paused"
    shutil.rmtree(root / "out" / "zuko-step00000004-state")


def killed(root: Path) -> None:
    """Train at a rate that is changed after the first step, and be killed beyond the first state."""
    folder = run_folder(root, LOKR, config_of(root, "kron"))
    request(folder, "learning_rate", "x0.5")
    train_until(root, folder, "validation", 4)


def train_until(root: Path, folder: Path, kind: str, step: int) -> None:
    """Train until the event of this kind after this step, and be killed then, with one state left."""
    process = start(root, folder)
    while (kind, step) not in [(event["kind"], event.get("step")) for event in read_events(folder / "events.jsonl")]:
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    name = folder.name.rpartition("-")[2]
    assert not (root / "out" / f"{name}.safetensors").exists()
    assert len(list((root / "out").glob(f"{name}-*-state"))) == 1


def ended(root: Path, name: str, config: TrainConfig, asked: str = "", job: str = "train", code: int = 0) -> None:
    """Run a job to its end, asked for something after its first step."""
    folder = run_folder(root, name, config)
    if asked:
        request(folder, asked)
    assert train(root, folder, job=job) == code


def tool(root: Path, name: str, **settings: str) -> None:
    """Use a tool as the page does."""
    folder = root / "home" / "tools" / name
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(dump_tables({"config_version": 1, **settings}), encoding="utf-8")
    assert train(root, folder, job=name.rpartition("-")[2]) == 0


def run_folder(root: Path, name: str, config: TrainConfig | None = None) -> Path:
    """A run folder as the launcher makes it, named after a time that was none."""
    folder = root / "home" / "runs" / name
    (folder / "control").mkdir(parents=True)
    (folder / "logs").mkdir()
    if config is not None:
        write_toml(folder / "config.toml", config)
    return folder


def train(root: Path, folder: Path, *words: str, job: str = "train") -> int:
    return start(root, folder, *words, job=job).wait()


def start(root: Path, folder: Path, *words: str, job: str = "train") -> subprocess.Popen[bytes]:
    """Start a job in a process of its own, with one thread, writing into the folder's console."""
    command = [sys.executable, "-m", "train_core", job, "--config_file", str(folder / "config.toml"), *words]
    with (folder / "console.log").open("ab") as console:
        return subprocess.Popen(
            command, cwd=folder, env=environment(root), stdin=subprocess.DEVNULL, stdout=console,
            stderr=subprocess.STDOUT,
        )  # fmt: skip


def environment(root: Path) -> dict[str, str]:
    return {
        **os.environ, "CRUCIBLE_HOME": str(root / "home"), "PYTHONPATH": str(app_dir()), "PYTHONUTF8": "1",
        "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    }  # fmt: skip


def with_home(root: Path) -> None:
    """Let this process have its home in `root` from here on."""
    os.environ["CRUCIBLE_HOME"] = str(root / "home")


# What is kept


def keep(root: Path) -> None:
    """Put what lies in `root` among the samples, without base models, caches and pictures that nobody reads again."""
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        inside = path.relative_to(root)
        if inside.parts[0] in ("base", "class images") or "caches" in inside.parts or inside.name.startswith("stopped"):
            continue
        target = VERSION_1 / "root" / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        if ".tfevents." in path.name:
            keep_curves(path, target, root)
        elif path.suffix in TEXTS:
            text = re.sub(r'"pid": \d+', f'"pid": {NO_PROCESS}', path.read_text(encoding="utf-8"))
            target.write_text(unrooted(text, root), encoding="utf-8", newline="\n")
        else:
            shutil.copyfile(path, target)


def keep_curves(path: Path, target: Path, root: Path) -> None:
    """Keep a file of TensorBoard's; the settings that it shows name paths, and its own name the computer."""
    time_number, *_, process, number = path.name.removeprefix("events.out.tfevents.").split(".")
    target = target.with_name(f"events.out.tfevents.{time_number}.host.{process}.{number}")
    with target.open("wb") as file:
        writer = RecordWriter(file)
        for record in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(record)
            for value in (value for value in event.summary.value if value.HasField("tensor")):
                texts = [text.replace(str(root).encode(), ROOT.encode()) for text in value.tensor.string_val]
                value.tensor.string_val[:] = texts
            writer.write(event.SerializeToString())


def end_what_was_interrupted(root: Path) -> None:
    """Resume the paused and the killed run as they are kept, in another place, and keep what they end with."""
    plant(VERSION_1, root)
    (VERSION_1 / "results").mkdir()
    ends = {}
    for name, run in (("zuko", LORA), ("kron", LOKR)):
        folder = root / "home" / "runs" / run
        assert train(root, folder, "--set", "resume", "last") == 0
        ends[name] = curves(folder)
        shutil.copyfile(root / "out" / f"{name}.safetensors", VERSION_1 / "results" / f"{name}.safetensors")
    newest = max((root / "out" / "sample").glob("zuko*.png"))
    shutil.copyfile(newest, VERSION_1 / "results" / "zuko.png")
    (VERSION_1 / "root" / "out" / "loha.safetensors").rename(VERSION_1 / "results" / "loha.safetensors")
    write_json("curves.json", ends)


def compare_with_undisturbed(resumed: Path, root: Path) -> None:
    """Let both run as if nothing had happened: they must end alike."""
    make_sources(root)
    for name, run in (("zuko", LORA), ("kron", LOKR)):
        folder = run_folder(root, run, config_of(root, name))
        if name == "kron":
            request(folder, "learning_rate", "x0.5")
        assert train(root, folder) == 0
        files = (place / "out" / f"{name}.safetensors" for place in (root, resumed))
        ours, theirs = (split_file(path, (*OF_THE_START, *OF_THE_END)) for path in files)
        assert ours == theirs
        assert curves(folder) == curves(resumed / "home" / "runs" / run)


# What is expected


def describe() -> None:
    """Write down what this version reads in the samples."""
    with tempfile.TemporaryDirectory() as folder:
        root = plant(VERSION_1, Path(folder).resolve())
        with_home(root)
        write_json("settings.json", json.loads(unrooted(json.dumps(settings_in(root)), root)))
        write_json("runs.json", {one.name: shown(RunFollower(one).view(), root) for one in folders_in(root)})
        write_json("merged.json", {name: merged(name, root) for name in ADAPTERS})


def settings_in(root: Path) -> dict[str, Any]:
    """Every setting of each settings file by name, and the codes of what is said of it."""
    found = {}
    for path in (root / "zuko.toml", root / "sd-scripts.toml", root / "home" / "runs" / LOKR / "config.toml"):
        loaded = read_config(path)
        said = [problem.code for problem in loaded.warnings]
        found[path.relative_to(root).as_posix()] = {"values": loaded.config.flat(), "said": said}
    for path in (root / "home" / "presets" / "loha.json", root / "out" / "zuko.preset.json"):
        values, problems = read_settings(path)
        said = [problem.code for problem in problems]
        found[path.relative_to(root).as_posix()] = {"values": values, "said": said}
    return found


def folders_in(root: Path) -> list[Path]:
    """The folders of all runs and uses of tools."""
    return sorted(path.parent for path in (root / "home").glob("*/*/events.jsonl"))


if __name__ == "__main__":
    main()

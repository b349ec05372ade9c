"""Whether a full-size model loads, trains, saves and reloads on a CPU, in how much time and memory.

Writes the model with random weights (SDXL: 7 GB), trains a LoRA for a few small steps, loads both again, writes the
model back and compares it with the first file, tensor by tensor.

    python bench/full_size.py sd1|sd2|sdxl [--steps 3] [--resolution 64] [--only-train] [--device cpu|cuda]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(ROOT))

RELOAD = """
import sys, resource, torch
from pathlib import Path
from safetensors import safe_open
from safetensors.torch import load_file
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import NetworkSettings
from train_core.models.load import load_family
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.networks.starting import adapter_of
model, lora, again = map(Path, sys.argv[1:])
settings = ModelSettings(pretrained_model_name_or_path=str(model), v_parameterization="epsilon", no_half_vae=False)
family = load_family(settings, torch.float16)
network = NetworkSettings(network_dim=4, network_alpha=4)
adapter = adapter_of(family.targets(), network, AlgorithmSettings(), family, 0)
adapter.load_file_state(load_file(lora))
print("learnt:", max(p.abs().max().item() for n, p in adapter.named_parameters() if "lora_up" in n))
family.save_model(again, torch.float16)
print(f"loaded and saved: peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")
with safe_open(model, "pt") as first, safe_open(again, "pt") as second:
    assert set(first.keys()) == set(second.keys())
    assert all(torch.equal(first.get_tensor(name), second.get_tensor(name)) for name in first.keys())
print("written back as it was")
"""


def main() -> None:
    """Print what each stage took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("sd1", "sd2", "sdxl"))
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--only-train", action="store_true", help="leave out loading and writing again")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CRUCIBLE_HOME"] = str(folder / "home")
        model = folder / f"{args.kind}.safetensors"
        timed("writing the model", [sys.executable, "-m", "bench.random_model", args.kind, str(model)])
        job = settings(folder, model, args)
        timed("training", [sys.executable, "-m", "train_core", "train", "--config_file", str(job)])
        if not args.only_train:
            files = [model, folder / "out" / "lora.safetensors", folder / "again.safetensors"]
            # Its peak counts the pages of both files, which are compared as they are mapped.
            timed("reloading and comparing", [sys.executable, "-c", RELOAD, *map(str, files)])


def settings(folder: Path, model: Path, args: argparse.Namespace) -> Path:
    """The job's file: one noise picture, rank 4, everything trained, bf16."""
    from PIL import Image  # noqa: PLC0415

    from train_core.config.files import check_values, write_toml  # noqa: PLC0415

    images = folder / "images" / "1_bench"
    images.mkdir(parents=True)
    Image.effect_noise((args.resolution, args.resolution), 60).convert("RGB").save(images / "0.png")
    values = {
        "pretrained_model_name_or_path": str(model), "train_data_dir": str(folder / "images"), "network_dim": 4,
        "output_dir": str(folder / "out"), "resolution": str(args.resolution), "network_alpha": 4,
        "use_cpu": args.device == "cpu",
        "max_train_epochs": 0, "max_train_steps": args.steps, "optimizer_type": "AdamW",
        "v_parameterization": "epsilon",
    }  # fmt: skip
    write_toml(folder / "job.toml", check_values(values, "the benchmark", {}).config)
    return folder / "job.toml"


def timed(stage: str, command: list[str]) -> None:
    """Run `command`, print its time, and the most memory that a process of these has had so far."""
    started = time.monotonic()
    subprocess.run(command, check=True, cwd=ROOT)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{stage}: {time.monotonic() - started:.1f} s, peak so far {peak:.1f} GiB", flush=True)


if __name__ == "__main__":
    main()

"""How much memory the training of a whole SD 1.5 takes on a CPU, beside what it cannot do without.

Writes the model at its full size with random weights, and trains it for two steps in bf16 (full_half) with the fused
optimizer. The peak above what imports take is set against weights, optimizer state, the gradients of the largest block,
and the activations that a bare pass of diffusers' model keeps for its backward pass.

    python bench/whole_model.py [--optimizer AdamW|Adafactor] [--resolution 256] [--checkpointing]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(ROOT))
GIB = 2**30


def main() -> None:
    """Print the peak, its parts and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimizer", choices=("AdamW", "Adafactor"), default="AdamW")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--child", choices=("train", "bare"))
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    if args.child:
        print(json.dumps({"train": trained, "bare": bare}[args.child](args)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = args.folder or Path(name)
        model = folder / "sd1.safetensors"
        if not model.exists():
            subprocess.run([sys.executable, "-m", "bench.random_model", "sd1", str(model)], check=True, cwd=ROOT)
        activations = child("bare", folder)["activations"]
        found = child("train", folder)
    parts = {
        "weights": found["weights"], "optimizer state": found["state"], "largest block's gradients": found["block"],
        "activations of a bare pass": activations,
    }
    for part, size in parts.items():
        print(f"{part}: {size / GIB:.2f} GiB")
    print(f"peak while loading: {found['loading'] / GIB:.2f} GiB, training: {found['training'] / GIB:.2f} GiB, "
          f"saving: {found['saving'] / GIB:.2f} GiB (above imports)")  # fmt: skip
    peak = max(found["loading"], found["training"], found["saving"])
    print(f"ratio: {peak / sum(parts.values()):.2f}")


def child(what: str, folder: Path) -> dict[str, int]:
    """The figures of a process of its own."""
    command = [sys.executable, "-m", "bench.whole_model", *sys.argv[1:], "--child", what, "--folder", str(folder)]
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def trained(args: argparse.Namespace) -> dict[str, int]:
    """Bytes that a training takes, by what they are for; peaks are those above what imports take."""
    os.environ["CRUCIBLE_HOME"] = str(args.folder / "home")
    import torch  # noqa: PLC0415
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL  # noqa: F401, PLC0415
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel  # noqa: F401, PLC0415
    from transformers.models.clip.modeling_clip import CLIPTextModel  # noqa: F401, PLC0415
    from transformers.optimization import Adafactor  # noqa: F401, PLC0415

    from train_core.jobs.train import finish, open_run  # noqa: PLC0415
    from train_core.run.loop import train  # noqa: PLC0415

    torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2))  # whose libraries are loaded when first used
    config = job(args)
    before = now()
    run_dir = args.folder / "run"
    run_dir.mkdir(exist_ok=True)
    clear_peak()
    run = open_run(config, run_dir, lambda event: None)
    loading = peak() - before
    clear_peak()
    train(run)
    training = peak() - before
    clear_peak()
    finish(run, lambda event: None)
    family = run.objective.inputs.family
    tensors = [p for module in family.modules.values() for p in module.parameters()]
    states = [one for state in run.stepper.optimizer.state.values() for one in state.values()]
    blocks: dict[str, int] = {}
    for one in run.method.weights:  # type: ignore[attr-defined]
        block = f"{one.part} {one.block}"
        blocks[block] = blocks.get(block, 0) + size_of(one.parameter)
    return {
        "loading": loading, "training": training, "saving": peak() - before,
        "weights": sum(map(size_of, tensors)), "block": max(blocks.values()),
        "state": sum(size_of(one) for one in states if torch.is_tensor(one)),
    }  # fmt: skip


def job(args: argparse.Namespace) -> Any:
    """The settings: one picture, U-Net and text encoder trained, bf16 throughout."""
    from PIL import Image  # noqa: PLC0415

    from train_core.config.files import check_values  # noqa: PLC0415

    images = args.folder / "images" / "2_bench"
    images.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((args.resolution, args.resolution), 60).convert("RGB").save(images / "0.png")
    values = {
        "training_method": "fine-tuning", "pretrained_model_name_or_path": str(args.folder / "sd1.safetensors"),
        "train_data_dir": str(args.folder / "images"), "output_dir": str(args.folder / "out"),
        "resolution": str(args.resolution), "use_cpu": True, "max_train_epochs": 1, "mixed_precision": "bf16",
        "full_half": True, "optimizer_type": args.optimizer, "fused_backward_pass": True, "max_grad_norm": 0,
        "learning_rate": 1e-6, "gradient_checkpointing": args.checkpointing, "cache_latents": True,
        "optimizer_args": ["relative_step=False"] if args.optimizer == "Adafactor" else [],
    }  # fmt: skip
    return check_values(values, "the benchmark", {}).config.in_force()


def bare(args: argparse.Namespace) -> dict[str, int]:
    """Bytes that diffusers' own U-Net and transformers' own text encoder keep of one picture for the backward pass."""
    import torch  # noqa: PLC0415

    from train_core.config.sections.model import ModelSettings  # noqa: PLC0415
    from train_core.models.load import load_family  # noqa: PLC0415

    settings = ModelSettings(pretrained_model_name_or_path=str(args.folder / "sd1.safetensors"))
    family = load_family(settings, torch.bfloat16)
    weights = set()
    for part in ("unet", "text_encoder"):
        family.modules[part].requires_grad_(True)
        weights |= {p.untyped_storage().data_ptr() for p in family.modules[part].parameters()}
    if args.checkpointing:
        family.enable_gradient_checkpointing()
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    side = args.resolution // 8
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        text = family.encode_text(["a bench"])
        out = family.predict(torch.ones(1, 4, side, side), torch.tensor([500]), text)
    assert out.requires_grad
    return {"activations": sum(kept.values())}


def size_of(tensor: Any) -> int:
    """Bytes of a tensor."""
    return tensor.numel() * tensor.element_size()


def now() -> int:
    """Bytes of memory that this process has."""
    return status("VmRSS")


def peak() -> int:
    """The most bytes that it has had since `clear_peak`."""
    return status("VmHWM")


def clear_peak() -> None:
    """Begin anew to look for the most memory."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def status(name: str) -> int:
    """A figure of this process in bytes, as Linux tells it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()

"""Cost of caching latents beyond the VAE itself: images per second of the cache over those of the bare encoder.

The VAE is a full-size one with random weights; the images are noise, written as PNG, so that reading them is work. The
bare encoder sees the same pixels, ready in memory, in batches of the same size. Both take turns in one process, and
the figure is the median of the rounds' ratios.

    python bench/caching.py [--images 16] [--rounds 3] [--resolution 512] [--batch_size 1]
                            [--to memory|disk] [--device cpu|cuda]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from bench.device import add_device, device_of, name_of, peak_gib, synchronised
from bench.random_model import CONFIGS
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.data.dataset import open_training_data
from train_core.data.encoder import Encoder
from train_core.data.order import BatchPlan
from train_core.jobs.devices import compute_dtype
from train_core.models import autoencoder
from train_core.models.kinds.sd1 import SD1


def random_vae(dtype: torch.dtype, device: torch.device) -> nn.Module:
    """SD 1.x's VAE, which the other families share, with small random weights."""
    vae = SD1.parts["vae"].build(CONFIGS["sd1"]["vae"])
    for name, parameter in vae.named_parameters():
        nn.init.ones_(parameter) if "norm" in name else nn.init.normal_(parameter, std=0.02)
    return vae.to(device, dtype).eval().requires_grad_(False)


def write_images(folder: Path, count: int, resolution: int) -> Tensor:
    """`count` pictures of noise; the same as pixels (count, 3, H, W) in [-1, 1]."""
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(1).integers(0, 256, (count, resolution, resolution, 3), np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{number}.png")
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def settings(folder: Path, args: argparse.Namespace) -> TrainConfig:
    return TrainConfig.from_flat(
        {
            "pretrained_model_name_or_path": str(folder), "train_data_dir": str(folder / "images"),
            "output_dir": str(folder), "resolution": str(args.resolution), "vae_batch_size": args.batch_size,
            "cache_latents_to_disk": args.to == "disk", "use_cpu": args.device == "cpu",
        }
    )  # fmt: skip


def main() -> None:
    """Print images per second, bare and with the cache."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_device(parser)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--resolution", type=int, default=512)
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--to", choices=("memory", "disk"), default="memory")
    args = parser.parse_args()
    device = device_of(args)
    vae = random_vae(compute_dtype("bf16", device), device)
    times = []
    for number in range(args.rounds):
        with tempfile.TemporaryDirectory() as name:
            os.environ["CRUCIBLE_HOME"] = str(Path(name) / "home")
            times.append(measure(vae, device, Path(name), args))
            bare, cached = (args.images / seconds for seconds in times[-1])
            print(f"round {number + 1}: bare VAE {bare:.3f}, caching {cached:.3f} images/s", flush=True)
    share = median(bare / cached for bare, cached in times)
    print(f"caching to {args.to}: {share:.3f} of the bare VAE's images per second")
    print(f"{name_of(device)}, {next(vae.parameters()).dtype}, peak {peak_gib(device):.2f} GiB")


def measure(vae: nn.Module, device: torch.device, folder: Path, args: argparse.Namespace) -> tuple[float, float]:
    """Seconds for all images: the bare VAE's, and from files to a cache that is ready."""
    pixels = write_images(folder / "images" / "1_bench", args.images, args.resolution).to(device)
    clock = synchronised(time.perf_counter, device)
    autoencoder.encode(vae, pixels[: args.batch_size])  # what only the first time takes
    started = clock()
    for batch in pixels.split(args.batch_size):
        autoencoder.encode(vae, batch)
    bare = clock() - started

    encoder = Encoder("random", lambda pixels: autoencoder.encode(vae, pixels.to(device)))
    plan = BatchPlan(0, 1, 1, 0)
    started = clock()
    open_training_data(DataSettings.of(settings(folder, args)), plan, encoder, lambda done, total: None)
    return bare, clock() - started


if __name__ == "__main__":
    main()

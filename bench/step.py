"""Cost of training beyond the model itself: a whole step over the bare forward and backward of the same model.

The model is a full-size one with random weights, made in place; the step is the program's own loop, from loading a
batch to reporting its loss. The bare pass computes the gradients of noisy latents and conditioning (or,
with the text encoder, of its token embeddings). Both alternate in one process, so that whatever else the machine does
falls on both alike; the figure is the median of the pairs' ratios.

    python bench/step.py [--device cpu|cuda] [--kind sd1|sd2|sdxl] [--pairs 15] [--batch_size 1] [--resolution 256]
                         [--rank 32] [--precision bf16|fp16|no] [--threads N] [--clock wall|cpu]

Printed are also the device, the most memory taken, and the bare pass's MFU: the share that its floating point
operations, as torch counts them, have of what large matrix products reach on the same device.

SDXL in fp32, which a processor without bf16 gets whatever is asked for, needs 16 GB.

The launcher lets jobs on a Linux CPU keep their memory between steps; to measure under the same conditions, set
MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ to 1073741824.

On a machine that is busy with other things, --threads 1 --clock cpu is the quietest measure: waiting does not count.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn

from bench.device import add_device, device_of, flops_of, matmul_flops, name_of, peak_gib, synchronised
from bench.random_model import CONFIGS, FAMILIES
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.data.batch import Batch
from train_core.data.dataset import TrainingData, open_training_data
from train_core.data.encoder import Encoder
from train_core.data.moments import Moments
from train_core.data.order import BatchPlan
from train_core.facts.models.headers import ModelFile
from train_core.facts.models.model_files import BaseFiles
from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.jobs.assembly import assemble
from train_core.jobs.devices import compute_dtype
from train_core.jobs.resuming import place_of
from train_core.jobs.train import steps_of
from train_core.methods.adapter import AdapterMethod
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.run.loop import train
from train_core.run.training import Training

WARM_UP = 2
CAPTION = "a teal square, nothing else, flat colour"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def random_family(kind: str, dtype: torch.dtype, device: torch.device) -> StableDiffusion:
    """The U-Net and text encoders of a `kind` of model with small random weights, frozen; it needs no VAE."""
    names = [name for name in FAMILIES[kind].parts if name != "vae"]
    return FAMILIES[kind]({name: _random(kind, name, dtype).to(device) for name in names}, clip_tokenizer())


def _random(kind: str, part: str, dtype: torch.dtype) -> nn.Module:
    with torch.device("meta"):
        module = FAMILIES[kind].parts[part].build(CONFIGS[kind][part])
    module.to(dtype).to_empty(device="cpu")
    for name, parameter in module.named_parameters():
        nn.init.ones_(parameter) if "norm" in name else nn.init.normal_(parameter, std=0.02)
    for name, buffer in module.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.numel())[None])
    return module.eval().requires_grad_(False)


def settings(folder: Path, args: argparse.Namespace, text_encoder: bool) -> TrainConfig:
    """AdamW with clipping, latents cached in memory, in a run of just enough steps."""
    return TrainConfig.from_flat(
        {
            "pretrained_model_name_or_path": str(folder), "train_data_dir": str(folder / "images"),
            "output_dir": str(folder), "resolution": str(args.resolution), "train_batch_size": args.batch_size,
            "network_dim": args.rank, "network_train_unet_only": not text_encoder, "optimizer_type": "AdamW",
            "mixed_precision": args.precision, "max_train_epochs": 1, "use_cpu": args.device == "cpu",
        }
    )  # fmt: skip


def images(config: TrainConfig, args: argparse.Namespace) -> TrainingData:
    """One picture with a caption, repeated for as many batches as are measured; its latents are random."""
    folder = Path(config.dataset.train_data_dir) / f"{(args.pairs + WARM_UP + 1) * args.batch_size}_bench"
    folder.mkdir(parents=True)
    Image.new("RGB", (args.resolution, args.resolution), "teal").save(folder / "0.png")
    (folder / "0.txt").write_text(CAPTION, encoding="utf-8")

    def encode(pixels: Tensor) -> Moments:
        shape = (len(pixels), 4, pixels.shape[2] // 8, pixels.shape[3] // 8)
        return Moments(torch.randn(shape), torch.full(shape, -10.0))

    plan = BatchPlan(config.training.seed, args.batch_size, 1, 0)
    return open_training_data(DataSettings.of(config), plan, Encoder("random", encode), lambda done, total: None)


class Alternating:
    """Batches before each of which the bare pass is timed, and after it, how long the loop took for it."""

    def __init__(
        self, batches_of: Callable[[int], Iterator[Batch]], bare: Callable[[Batch], None], clock: Callable[[], float]
    ) -> None:
        self.batches_of = batches_of
        self.bare = bare
        self.flops = 0
        self.clock = clock
        self.pairs: list[tuple[float, float]] = []

    def batches_left(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches in place of `Training.batches_left`."""
        batches = self.batches_of(epoch)
        while True:
            started = self.clock()
            batch = next(batches, None)
            loading = self.clock() - started
            if batch is None:
                return
            self.flops = self.flops or flops_of(partial(self.bare, batch))
            started = self.clock()
            self.bare(batch)
            bare = self.clock() - started
            started = self.clock()
            yield batch
            self.pairs.append((loading + self.clock() - started, bare))


@contextmanager
def embeddings_with_gradient(text_encoders: list[Any]) -> Iterator[None]:
    """Context in which the text encoders' token embeddings are leaves that get a gradient."""
    with ExitStack() as hooks:
        for encoder in text_encoders:
            embeddings = encoder.get_input_embeddings()
            hooks.enter_context(embeddings.register_forward_hook(lambda module, args, out: out.requires_grad_()))
        yield


def bare_pass(run: Training, text_encoder: bool) -> Callable[[Batch], None]:
    """Forward and backward of the frozen model alone, down to the noisy latents and the conditioning."""
    family = run.objective.inputs.family
    encoders = [family.modules[name] for name in family.text_parts]
    frozen = {name: of.detach() for name, of in family.encode_text([CAPTION]).items()}

    def conditioning(batch: Batch) -> dict[str, Tensor]:
        if text_encoder:
            with embeddings_with_gradient(encoders):
                return family.encode_text(batch.captions)
        return {name: of.repeat(len(batch.captions), *[1] * (of.dim() - 1)) for name, of in frozen.items()}

    def bare(batch: Batch) -> None:
        assert batch.moments is not None
        noisy = torch.randn_like(batch.moments.mean).to(run.objective.inputs.dtype).requires_grad_()
        timesteps = torch.full((len(batch.captions),), 500, device=noisy.device)
        with run.method.disabled():
            told = conditioning(batch)
            if not text_encoder:
                told["hidden"].requires_grad_()
            family.predict(noisy, timesteps, told, run.objective.extras(batch)).float().square().mean().backward()

    return bare


def measure(
    family: StableDiffusion, args: argparse.Namespace, device: torch.device, text_encoder: bool
) -> tuple[list[tuple[float, float]], int]:
    """(step, bare) seconds of each pair, and the floating point operations of the bare pass."""
    with tempfile.TemporaryDirectory() as name:
        config = settings(Path(name), args, text_encoder)
        data = images(config, args)
        length = steps_of(config, data, 1)
        place = place_of(config, Path(name))
        family.files = BaseFiles(ModelFile(Path(name), family.kind.name, "diffusers"))
        accelerator = Accelerator(cpu=device.type == "cpu")
        run = assemble(config, place, accelerator, family, data, None, length, lambda event: None)
        clock = synchronised(CLOCKS[args.clock], device)
        alternating = Alternating(run.batches_left, bare_pass(run, text_encoder), clock)
        run.batches_left = alternating.batches_left  # type: ignore[method-assign]
        samples = run.upkeep.samples
        samples.settings = samples.settings.model_copy(update={"sample_every_n_epochs": 0})
        train(run)
        if run.metrics:
            run.metrics.close()
        assert isinstance(run.method, AdapterMethod)
        run.method.adapter.detach()
        return alternating.pairs[WARM_UP:], alternating.flops


def report(name: str, pairs: list[tuple[float, float]], flops: int, best: float) -> None:
    """Print medians; `best` is the device's operations a second in large matrix products."""
    ratio = median(step / bare for step, bare in pairs)
    step, bare = (median(times) for times in zip(*pairs, strict=True))
    mfu = flops / bare / best
    print(
        f"{name:<24} step {step:6.3f} s  bare {bare:6.3f} s  ratio {ratio:.3f}  MFU {mfu:.0%}  ({len(pairs)} pairs)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_device(parser)
    parser.add_argument("--kind", choices=tuple(CONFIGS), default="sd1")
    parser.add_argument("--precision", choices=("bf16", "fp16", "no"), default="bf16")
    parser.add_argument("--pairs", type=int, default=15, help="measured pairs of step and bare pass")
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0 leaves torch's own choice")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    device = device_of(args)
    dtype = compute_dtype(args.precision, device)
    print(f"{args.kind} in {dtype}, batch {args.batch_size} at {args.resolution} px, rank {args.rank}", flush=True)
    family = random_family(args.kind, dtype, device)
    best = matmul_flops(device, dtype)
    report("U-Net", *measure(family, args, device, text_encoder=False), best)
    report("U-Net and text encoders", *measure(family, args, device, text_encoder=True), best)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{name_of(device)}, matrix products {best / 1e12:.2f} TFLOP/s, peak {peak_gib(device):.2f} GiB{load}")


if __name__ == "__main__":
    main()

"""Time of the tools on full-size files, against the plain way: singular values of each layer's whole change.

Adapters and checkpoints have random weights, made in place. The plain way decomposes a few layers of the same file in
the same process with LAPACK, evenly chosen by size, and is scaled up by the work that their sizes make. Peak memory is
that of a process of its own which merges an adapter into the checkpoint.

    python bench/workshop.py [--kind sd1|sdxl] [--rank 128] [--to 32] [--plain 4] [--only resize|merge|svd|extract]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from bench.random_model import CONFIGS, FAMILIES, write_model
from train_core.config.jobs.table import job_of
from train_core.config.syntax.layer_presets import layer_preset
from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.jobs.start import start_job
from train_core.models.family import Target
from train_core.networks.files.adapter_file import save_adapter
from train_core.networks.files.merging import change_by
from train_core.networks.files.reading import read_adapter

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = {"sd1": "sd_v1", "sdxl": "sdxl_base_v1-0"}
PATTERN = (0.02 * torch.randn(2**20, generator=torch.Generator().manual_seed(2))).half()


def layers_of(kind: str) -> list[Target]:
    """The layers of a LoRA on a full-size model, without memory behind them."""
    with torch.device("meta"):
        modules = {name: part.build(CONFIGS[kind][name]) for name, part in FAMILIES[kind].parts.items()}
    preset = layer_preset("auto", with_convolutions=False)
    return [
        target for target in FAMILIES[kind](modules, clip_tokenizer()).targets()
        if not target.is_norm and preset.takes(target.in_denoiser, target.paths, target.owners)
    ]


def write_adapter(path: Path, kind: str, rank: int) -> int:
    """A LoRA with random weights in fp16; how many layers it has."""
    tensors, layers = {}, layers_of(kind)
    for target in layers:
        outputs, inputs, *kernel = target.module.weight.shape
        shapes = {"up": (outputs, rank, *[1 for _ in kernel]), "down": (rank, inputs, *kernel)}
        for side, shape in shapes.items():
            count = torch.Size(shape).numel()
            numbers = PATTERN.repeat(-(-count // len(PATTERN)))[:count].view(shape)
            tensors[f"{target.file_key}.lora_{side}.weight"] = numbers.clone()
        tensors[f"{target.file_key}.alpha"] = torch.tensor(float(rank)).half()
    save_adapter(path, tensors, {"ss_base_model_version": VERSIONS[kind], "ss_v2": "False"})
    return len(layers)


def tool(name: str, **settings: object) -> float:
    """Seconds that a tool takes, in this process."""
    begun = time.perf_counter()
    with redirect_stdout(StringIO()) as said:
        code = start_job(job_of(name), None, {key: str(value) for key, value in settings.items()})
    if code:
        raise SystemExit(said.getvalue()[-2000:])
    return time.perf_counter() - begun


def peak_of(name: str, **settings: object) -> float:
    """Peak memory in GiB of a tool in a process of its own, by the system's own high-water mark (Linux).

    `getrusage` would count what this process, which starts it, holds.
    """
    words = [word for key, value in settings.items() for word in ("--set", key, str(value))]
    code = (
        "import sys; from train_core.__main__ import main; code = main(sys.argv[1:]); "
        "print('peak', open('/proc/self/status').read().split('VmHWM:')[1].split()[0]); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, name, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    return float(done.stdout.rsplit("peak", 1)[1]) / 2**20


def plainly(path: Path, count: int) -> float:
    """Seconds that LAPACK's decomposition of every layer's whole change would take: measured on `count`, scaled up."""
    modules = sorted(read_adapter(path).modules.values(), key=lambda m: m.algorithm.shape_in(m.looks()).numel())
    sizes = [module.algorithm.shape_in(module.looks()) for module in modules]
    work = [max(s[0], s[1:].numel()) * min(s[0], s[1:].numel()) ** 2 for s in sizes]
    chosen = [len(modules) * (2 * place + 1) // (2 * count) for place in range(count)]
    changes = [change_by(modules[place], sizes[place], None).flatten(1) for place in chosen]
    begun = time.perf_counter()
    for change in changes:
        torch.linalg.svd(change, full_matrices=False)
    return (time.perf_counter() - begun) * sum(work) / sum(work[place] for place in chosen)


def main() -> None:
    """Print each tool's time, memory and ratio to the plain way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=VERSIONS, default="sd1")
    parser.add_argument("--rank", type=int, default=128)
    parser.add_argument("--to", type=int, default=32)
    parser.add_argument("--plain", type=int, default=4, help="layers that the plain way is measured on")
    parser.add_argument("--only", choices=("resize", "merge", "svd", "extract"), action="append")
    args = parser.parse_args()
    wanted = args.only or ["resize", "merge", "svd", "extract"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, model, merged = folder / "a.safetensors", folder / "model.safetensors", folder / "merged.safetensors"
        layers = write_adapter(first, args.kind, args.rank)
        print(f"{args.kind}, {layers} layers, rank {args.rank}, {first.stat().st_size / 2**20:.0f} MiB", flush=True)
        plain = plainly(first, args.plain)
        print(f"plain SVD of every layer's whole change: {plain:.0f} s", flush=True)
        if "resize" in wanted:
            seconds = tool("resize_lora", adapter=first, tool_rank=args.to, save_to=folder / "b.safetensors")
            say("resize", seconds, plain)
        if "svd" in wanted:
            asked = {"adapters": f"{first}\n{first}", "strengths": "0.5\n0.5", "merge_method": "svd"}
            say("merge two by SVD",
                tool("merge_lora", **asked, tool_rank=args.to, save_to=folder / "c.safetensors"), plain)
        if {"merge", "extract"} & {*wanted}:
            write_model(args.kind, model)
            print(f"checkpoint: {model.stat().st_size / 2**30:.1f} GiB")
            asked = {"merge_model": str(model), "adapters": str(first), "save_to": str(merged), "overwrite": "true"}
            say("merge into it", tool("merge_lora", **asked))
            if "merge" in wanted:
                print(f"merge into it: peak {peak_of('merge_lora', **asked):.2f} GiB", flush=True)
        if "extract" in wanted:
            asked = {"tuned_model": str(merged), "base_model": str(model), "save_to": str(folder / "d.safetensors")}
            say("extract", tool("extract_lora", **asked, tool_rank=args.to), plain)
    print(f"{torch.get_num_threads()} threads")


def say(what: str, seconds: float, plain: float | None = None) -> None:
    """One line of the result."""
    ratio = f", {plain / seconds:.0f} times as fast as the plain way" if plain else ""
    print(f"{what}: {seconds:.1f} s{ratio}", flush=True)


if __name__ == "__main__":
    main()

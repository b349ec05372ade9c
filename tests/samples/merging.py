"""Merging the kept adapters into their base models: a summary of what that gives, small enough to be kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from tests.samples.kept import VERSION_1, split_file
from train_core.__main__ import main

STRENGTH = 0.7
RESULTS = VERSION_1 / "results"
ADAPTERS = {
    "zuko": RESULTS / "zuko.safetensors", "kron": RESULTS / "kron.safetensors", "loha": RESULTS / "loha.safetensors",
    "smaller": VERSION_1 / "root" / "out" / "smaller.safetensors",
}  # fmt: skip
OF_SDXL = ("kron",)


def merged(name: str, root: Path) -> dict[str, Any]:
    """The hash of the merged checkpoint's tensors, and of each tensor that has changed by how much, and its sum."""
    kind, adapter = "sdxl" if name in OF_SDXL else "sd1", ADAPTERS[name]
    base, result = root / "base" / f"{kind}.safetensors", root / f"{name}-merged.safetensors"
    settings = {"merge_model": base, "adapters": adapter, "strengths": STRENGTH, "save_to": result}
    words = [word for name, value in settings.items() for word in ("--set", name, str(value))]
    assert main(["merge_lora", *words]) == 0
    before, after = load_file(base), load_file(result)
    changed = {
        name: [float(torch.dist(weight.double(), before[name].double())), float(weight.double().sum())]
        for name, weight in sorted(after.items()) if not torch.equal(weight, before[name])
    }
    return {"sha256": hashlib.sha256(split_file(result)[0]).hexdigest(), "changed": changed}

"""Full-size single files with random weights: written back with the same names, shapes, formats and bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.random_model import write_model
from train_core.facts.models.model_files import base_files
from train_core.models.files.stored import Stored, open_weights
from train_core.models.files.writing import write_safetensors
from train_core.models.original import Original


def shifted(one: Stored) -> Stored:
    return replace(one, read=lambda: one.read().float() + 0.25)


def bits(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1).view(torch.uint8)


@pytest.mark.slow  # SDXL's file has 7 GB
@pytest.mark.parametrize("kind", ["sd1", "sd2", "sdxl"])
def test_every_tensor_is_there_and_what_did_not_learn_has_its_bytes(kind: str, tmp_path: Path) -> None:
    base, new = tmp_path / "base.safetensors", tmp_path / "new.safetensors"
    write_model(kind, base)
    original = Original(base_files(str(base)), "epsilon")
    learnt = {
        "unet": {name: shifted(one) for name, one in original.opened.stored["unet"].items()},
        "text_encoder": {
            name: shifted(one) for name, one in original.opened.stored["text_encoder"].items() if "layers.3." in name
        },
    }
    write_safetensors(new, original.single_file(learnt, torch.float16), {"format": "pt"})
    changed = 0
    before, after = (open_weights(path) for path in (base, new))  # read, as mapped files would count as memory
    assert before.keys() == after.keys()
    for name in before:
        old, found = before[name].read(), after[name].read()
        assert (old.shape, old.dtype) == (found.shape, found.dtype)
        if torch.equal(bits(old), bits(found)):
            assert not name.startswith("model.diffusion_model.")
            continue
        assert torch.equal(found, (old.float() + 0.25).half()), name
        changed += 1
    assert changed > len(learnt["unet"])

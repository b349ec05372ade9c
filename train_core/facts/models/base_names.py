"""Names of base models' tensors as the original layout has them, without what other programs put around them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from train_core.facts.models.tensor_files import TensorFile

# Steps that wrappers of modules leave in names: torch.compile's, FSDP's, checkpointing's, DeepSpeed's.
WRAPPERS = re.compile(r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_forward_module)\.")
# The first steps of the original layout; whatever stands before them in every such name is another program's.
FIRST = r"model\.diffusion_model\.|first_stage_model\.|cond_stage_model\.|conditioner\.embedders\."
OUTER = re.compile(rf"(.+?\.)(?:{FIRST})")
# The second text encoder of SDXL, and that of SD 2.x, under the names of transformers.
SECOND_ENCODER = ("conditioner.embedders.1.transformer.", "conditioner.embedders.1.model.")
SD2_ENCODER = ("cond_stage_model.transformer.", "cond_stage_model.model.")
PROJECTION_IN = "model.diffusion_model.middle_block.1.proj_in.weight"  # a matrix from SD 2.x on


def plainly_named(file: TensorFile) -> TensorFile:
    """`file` with its tensors under the original layout's names, where they are that layout's but for a wrapping."""
    names = {name: WRAPPERS.sub("", name) for name in file.tensors}
    for start in _outer(names.values()):
        names = {name: ours.removeprefix(start) for name, ours in names.items()}
    if not any(ours.startswith("model.diffusion_model.") for ours in names.values()):
        names = {n: f"model.{ours}" if ours.startswith("diffusion_model.") else ours for n, ours in names.items()}
    kept = {ours: file.tensors[name] for name, ours in names.items()}
    pairs = [SECOND_ENCODER, *([SD2_ENCODER] if _is_matrix(kept.get(PROJECTION_IN)) else [])]
    for theirs, ours in pairs:
        if not any(name.startswith(ours) for name in kept):
            kept = {name.replace(theirs, ours, 1) if name.startswith(theirs) else name: t for name, t in kept.items()}
    return replace(file, tensors=kept)


def _outer(names: Iterable[str]) -> list[str]:
    """What stands before the first steps of the original layout, the longest first."""
    found = {match[1] for name in names if (match := OUTER.match(name))}
    return sorted(found, key=len, reverse=True)


def _is_matrix(info: object) -> bool:
    return len(getattr(info, "shape", ())) == 2

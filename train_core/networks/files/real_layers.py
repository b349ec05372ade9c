"""The layers of full-size base models and the shapes of their weights, by the keys that adapter files have for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from train_core.facts.adapters.shapes import Shape, text_encoder_shapes, unet_shapes
from train_core.facts.models.unet_names import original_names
from train_core.kinds import KINDS
from train_core.networks.files.tensor_names import SOME_TEXT_ENCODER


@cache
def layers_of(name: str) -> Mapping[str, frozenset[Shape]]:
    """Every key that a file for the kind `name` may have, and the shapes of weights that it may mean.

    Both layouts of the U-Net are in it; text encoders also by `SOME_TEXT_ENCODER`. Empty for a kind whose row does
    not say its sizes.
    """
    kind = KINDS[name]
    found: dict[str, set[Shape]] = {}
    table = underscored(kind.unet_attention)
    for path, shape in unet_shapes(kind):
        ours = path.replace(".", "_")
        for key in (ours, exchanged(ours, table)):
            found.setdefault(f"{kind.key_prefixes[kind.denoiser]}_{key}", set()).add(shape)
    for part in kind.key_prefixes.keys() & kind.text_sizes.keys():
        for path, shape in text_encoder_shapes(*kind.text_sizes[part]):
            for prefix in (kind.key_prefixes[part], SOME_TEXT_ENCODER):
                found.setdefault(f"{prefix}_text_model_{path.replace('.', '_')}", set()).add(shape)
    if kind.pooled_width:  # of the last text encoder's projection
        for prefix in (list(kind.key_prefixes.values())[-1], SOME_TEXT_ENCODER):
            found[f"{prefix}_text_projection"] = {(kind.pooled_width, kind.pooled_width)}
    return {key: frozenset(shapes) for key, shapes in found.items()}


def underscored(attention: tuple[bool, ...]) -> dict[str, str]:
    """diffusers' paths to the original ones, as they appear in keys."""
    return {ours.replace(".", "_"): theirs.replace(".", "_") for ours, theirs in original_names(attention).items()}


def exchanged(path: str, table: Mapping[str, str]) -> str:
    """`path` with its longest start that is in `table` replaced."""
    known = [start for start in table if path == start or path.startswith(f"{start}_")]
    start = max(known, key=len, default="")
    return table[start] + path[len(start) :] if start else path

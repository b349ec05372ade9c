"""The layers of full-size base models and the shapes of their weights, by the keys that adapter files have for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from train_core.kinds import KINDS, Kind
from train_core.models.unet_part import LAYERS, SIZE_EMBEDDING, original_names
from train_core.networks.files.tensor_names import SOME_TEXT_ENCODER

Shape = tuple[int, ...]
KERNEL = (3, 3)


@cache
def layers_of(name: str) -> Mapping[str, frozenset[Shape]]:
    """Every key that a file for the kind `name` may have, and the shapes of weights that it may mean.

    Both layouts of the U-Net are in it; text encoders also by `SOME_TEXT_ENCODER`. Empty for a kind whose row does
    not say its sizes.
    """
    kind = KINDS[name]
    found: dict[str, set[Shape]] = {}
    table = underscored(kind.unet_attention)
    for path, shape in _unet(kind):
        ours = path.replace(".", "_")
        for key in (ours, exchanged(ours, table)):
            found.setdefault(f"{kind.key_prefixes[kind.denoiser]}_{key}", set()).add(shape)
    for part in kind.key_prefixes.keys() & kind.text_sizes.keys():
        for path, shape in _text_encoder(*kind.text_sizes[part]):
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


def _unet(kind: Kind) -> Iterator[tuple[str, Shape]]:
    """Paths and weights' shapes of diffusers' U-Net."""
    widths, depths, context = kind.unet_widths, kind.unet_depths, kind.text_width or 0
    if not widths:
        return
    first, last, time = widths[0], widths[-1], 4 * widths[0]
    levels = len(widths)
    yield from (
        ("conv_in", (first, kind.latents.channels, *KERNEL)), ("conv_norm_out", (first,)),
        ("conv_out", (kind.latents.channels, first, *KERNEL)),
        ("time_embedding.linear_1", (time, first)), ("time_embedding.linear_2", (time, time)),
    )  # fmt: skip
    if kind.pooled_width:
        yield "add_embedding.linear_1", (time, kind.pooled_width + 6 * SIZE_EMBEDDING)
        yield "add_embedding.linear_2", (time, time)
    before, skips = first, [first]
    for level, width in enumerate(widths):
        for layer in range(LAYERS):
            yield from _resnet(f"down_blocks.{level}.resnets.{layer}", before, width, time)
            yield from _transformers(f"down_blocks.{level}.attentions.{layer}", width, depths[level], context)
            before = width
            skips.append(width)
        if level < levels - 1:
            yield f"down_blocks.{level}.downsamplers.0.conv", (width, width, *KERNEL)
            skips.append(width)
    depth = next(depth for depth in reversed(depths) if depth)
    for layer in range(2):
        yield from _resnet(f"mid_block.resnets.{layer}", last, last, time)
    yield from _transformers("mid_block.attentions.0", last, depth, context)
    for level, (width, depth) in enumerate(zip(reversed(widths), reversed(depths), strict=True)):
        for layer in range(LAYERS + 1):
            yield from _resnet(f"up_blocks.{level}.resnets.{layer}", before + skips.pop(), width, time)
            yield from _transformers(f"up_blocks.{level}.attentions.{layer}", width, depth, context)
            before = width
        if level < levels - 1:
            yield f"up_blocks.{level}.upsamplers.0.conv", (width, width, *KERNEL)


def _resnet(path: str, before: int, width: int, time: int) -> Iterator[tuple[str, Shape]]:
    yield from (
        (f"{path}.norm1", (before,)), (f"{path}.conv1", (width, before, *KERNEL)),
        (f"{path}.time_emb_proj", (width, time)),
        (f"{path}.norm2", (width,)), (f"{path}.conv2", (width, width, *KERNEL)),
    )  # fmt: skip
    if before != width:
        yield f"{path}.conv_shortcut", (width, before, 1, 1)


def _transformers(path: str, width: int, depth: int, context: int) -> Iterator[tuple[str, Shape]]:
    """Attention of so many blocks; none where `depth` is 0."""
    if not depth:
        return
    yield from ((f"{path}.norm", (width,)), (f"{path}.proj_in", (width, width)), (f"{path}.proj_out", (width, width)))
    for block in (f"{path}.transformer_blocks.{number}" for number in range(depth)):
        yield from ((f"{block}.norm{number}", (width,)) for number in (1, 2, 3))
        for attention, inputs in (("attn1", width), ("attn2", context)):
            yield from ((f"{block}.{attention}.{name}", (width, width)) for name in ("to_q", "to_out.0"))
            yield from ((f"{block}.{attention}.{name}", (width, inputs)) for name in ("to_k", "to_v"))
        yield f"{block}.ff.net.0.proj", (8 * width, width)
        yield f"{block}.ff.net.2", (width, 4 * width)


def _text_encoder(width: int, layers: int) -> Iterator[tuple[str, Shape]]:
    for layer in (f"encoder.layers.{number}" for number in range(layers)):
        yield from ((f"{layer}.layer_norm{number}", (width,)) for number in (1, 2))
        yield from ((f"{layer}.self_attn.{name}_proj", (width, width)) for name in ("q", "k", "v", "out"))
        yield from ((f"{layer}.mlp.fc1", (4 * width, width)), (f"{layer}.mlp.fc2", (width, 4 * width)))

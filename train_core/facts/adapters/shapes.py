"""Layers of base models and the shapes of their weights, by diffusers' and transformers' paths."""

from __future__ import annotations

from collections.abc import Iterator

from train_core.facts.models.unet_names import LAYERS, SIZE_EMBEDDING
from train_core.kinds import Kind

Shape = tuple[int, ...]
KERNEL = (3, 3)


def unet_shapes(kind: Kind) -> Iterator[tuple[str, Shape]]:
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


def text_encoder_shapes(width: int, layers: int, inner: int | None = None) -> Iterator[tuple[str, Shape]]:
    """Paths and weights' shapes of a text encoder's layers; `inner` is the width within each, 4 times its own."""
    inner = inner or 4 * width
    for layer in (f"encoder.layers.{number}" for number in range(layers)):
        yield from ((f"{layer}.layer_norm{number}", (width,)) for number in (1, 2))
        yield from ((f"{layer}.self_attn.{name}_proj", (width, width)) for name in ("q", "k", "v", "out"))
        yield from ((f"{layer}.mlp.fc1", (inner, width)), (f"{layer}.mlp.fc2", (width, inner)))

"""Names of the U-Net's modules: the original Stability layout, diffusers', and the blocks of per-block settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

LAYERS = 2  # residual blocks of a level on the way down; one more on the way up
SIZE_EMBEDDING = 256  # each of SDXL's six numbers becomes so many sines and cosines
RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
OUTER = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "add_embedding.linear_1",
    "label_emb.0.2": "add_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}
MIDDLE_BLOCK, LAST_BLOCK = 12, 24
UNET_PLACE = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.")
# Where SDXL's blocks of a kind begin in the count of 23: one embedding, 9 in, 3 middle, 9 out, one output.
SGM_START = {"input": 1, "middle": 10, "output": 13}
SGM_PLACE = re.compile(r"(input_blocks|middle_block|output_blocks)\.(\d+)\.")
SGM_LAST = 22


def original_names(attention: tuple[bool, ...]) -> dict[str, str]:
    """Paths of diffusers' U-Net modules -> those of the original layout."""
    return {ours: theirs for theirs, ours in module_names(attention)}


def _resnet(original: str, diffusers: str) -> Iterator[tuple[str, str]]:
    for theirs, ours in RESNET.items():
        yield f"{original}.{theirs}", f"{diffusers}.{ours}"


def module_names(attention: tuple[bool, ...]) -> Iterator[tuple[str, str]]:
    """(original, diffusers) paths. Attention blocks are named alike inside, so that only their place differs."""
    levels = len(attention)
    yield from OUTER.items()
    yield from _resnet("middle_block.0", "mid_block.resnets.0")
    yield "middle_block.1", "mid_block.attentions.0"
    yield from _resnet("middle_block.2", "mid_block.resnets.1")
    for level in range(levels):
        for layer in range(LAYERS):
            block = 3 * level + layer + 1
            yield from _resnet(f"input_blocks.{block}.0", f"down_blocks.{level}.resnets.{layer}")
            yield f"input_blocks.{block}.1", f"down_blocks.{level}.attentions.{layer}"
        yield f"input_blocks.{3 * level + 3}.0.op", f"down_blocks.{level}.downsamplers.0.conv"
        for layer in range(LAYERS + 1):
            block = 3 * level + layer
            yield from _resnet(f"output_blocks.{block}.0", f"up_blocks.{level}.resnets.{layer}")
            yield f"output_blocks.{block}.1", f"up_blocks.{level}.attentions.{layer}"
        # Levels of the way up count from the lowest; without attention the upsampler stands one place earlier.
        place = 2 if attention[levels - 1 - level] else 1
        yield f"output_blocks.{3 * level + 2}.{place}.conv", f"up_blocks.{level}.upsamplers.0.conv"


def renamed(name: str, table: Mapping[str, str]) -> str:
    """`name` with its longest leading path that is in `table` replaced; unchanged if there is none."""
    head, tail = name, ""
    while head:
        if head in table:
            return table[head] + tail
        head, dot, last = head.rpartition(".")
        tail = dot + last + tail
    return name


def unet_block(path: str) -> int:
    """The block number for per-block settings: 1 to 11 down, 12 middle, 13 to 24 up; 0 and 24 also the ends."""
    place = UNET_PLACE.match(path)
    if place is None:
        return MIDDLE_BLOCK if path.startswith("mid_block") else LAST_BLOCK if path.startswith("conv_") and (
            "out" in path
        ) else 0
    direction, level, kind, layer = place.groups()
    within = 3 * int(level) + (2 if kind.endswith("samplers") else int(layer))
    return within + (1 if direction == "down" else MIDDLE_BLOCK + 1)


def sgm_block(path: str) -> int:
    """The block number by the path in Stability's generative models, 0 to 22."""
    place = SGM_PLACE.match(path)
    if place is None:
        return SGM_LAST if path.startswith("out.") else 0
    return SGM_START[place[1].partition("_")[0]] + int(place[2])

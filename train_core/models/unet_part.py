"""The U-Net: its names in the original Stability layout and in diffusers, and its measures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from train_core.facts.models.unet_names import LAYERS, SIZE_EMBEDDING, module_names, renamed
from train_core.models.convolution import with_right_gradients
from train_core.models.files.stored import Stored
from train_core.models.lean_imports import without_quantizers
from train_core.models.parts import Part, Shapes, norm_groups

HEAD_WIDTH = 64
# Below this width plain matrix products beat the fused attention kernel, whose backward pass is slow for narrow heads.
NARROW = 256


def unet_part(attention: tuple[bool, ...]) -> Part:
    """The U-Net with attention at the levels where `attention` says so, from the picture's size down."""
    table = dict(module_names(attention))
    inverse = {ours: theirs for theirs, ours in table.items()}

    def read(stored: Mapping[str, Stored]) -> dict[str, Stored]:
        return {renamed(name, table): tensor for name, tensor in stored.items()}

    def write(state: Mapping[str, Stored]) -> dict[str, Stored]:
        return {renamed(name, inverse): tensor for name, tensor in state.items()}

    return Part("U-Net", "model.diffusion_model.", read, write, _measure, build_unet)


def _measure(shapes: Shapes) -> dict[str, Any]:
    levels = 1 + max(int(found[1]) for name in shapes if (found := re.match(r"down_blocks\.(\d+)\.", name)))
    depths = [_depth(shapes, f"down_blocks.{level}.attentions.0.") for level in range(levels)]
    widths = tuple(shapes[f"down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(levels))
    middle = "mid_block.attentions.0."
    # SD 1.x has eight heads at every width and projects by convolutions; all later ones have heads of one width.
    by_width = len(shapes[f"{middle}proj_in.weight"]) == 2
    return {
        "in_channels": shapes["conv_in.weight"][1],
        "out_channels": shapes["conv_out.weight"][0],
        "block_out_channels": widths,
        "norm_num_groups": norm_groups(widths),
        "cross_attention_dim": shapes[f"{middle}transformer_blocks.0.attn2.to_k.weight"][1],
        # the number of heads, in spite of its name
        "attention_head_dim": tuple(max(1, width // HEAD_WIDTH) for width in widths) if by_width else 8,
        "use_linear_projection": by_width,
        "layers_per_block": LAYERS,
        "down_block_types": tuple("CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths),
        "up_block_types": tuple("CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)),
        "transformer_layers_per_block": tuple(depth or _depth(shapes, middle) for depth in depths),
        **_size_conditioning(shapes),
    }


def _depth(shapes: Shapes, attention: str) -> int:
    """Number of transformer blocks of the attention with this path; 0 where there is none."""
    pattern = re.compile(re.escape(attention) + r"transformer_blocks\.(\d+)\.")
    return 1 + max((int(found[1]) for name in shapes if (found := pattern.match(name))), default=-1)


def _size_conditioning(shapes: Shapes) -> dict[str, Any]:
    """Additions of an SDXL U-Net: the pooled text's and the sizes' embedding."""
    embedding = shapes.get("add_embedding.linear_1.weight")
    if embedding is None:
        return {}
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": SIZE_EMBEDDING,
        "projection_class_embeddings_input_dim": embedding[1],
    }


def build_unet(config: Mapping[str, Any]) -> nn.Module:
    """Diffusers' U-Net of `config`."""
    # Imported where they are used: what only reads headers or tokens need not wait for the libraries.
    with without_quantizers():
        from diffusers.models.attention_processor import AttnProcessor  # noqa: PLC0415
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel  # noqa: PLC0415

    unet = UNet2DConditionModel.from_config(dict(config))
    if max(unet.config.block_out_channels) < NARROW:
        unet.set_attn_processor(AttnProcessor())
    return with_right_gradients(unet)

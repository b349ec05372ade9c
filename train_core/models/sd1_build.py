"""SD 1.x modules made to the measure of the weights, and filled from the file without ever being initialised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from train_core.config.problems import UserError, problem
from train_core.models.sd1_keys import LAYERS, LEVELS
from train_core.models.weights import Stored

Shapes = Mapping[str, tuple[int, ...]]
PART_NAMES = {"unet": "U-Net", "vae": "VAE", "text_encoder": "text encoder"}


def build_part(
    part: str, stored: Mapping[str, Stored], source: Path, config: Mapping[str, Any] | None = None
) -> nn.Module:
    """The module `part` on the meta device, measured by `stored`'s shapes or by its diffusers `config` where given.

    Raises UserError naming the missing, unknown and misshapen weights of `source`.
    """
    shapes = {name: tensor.shape for name, tensor in stored.items()}
    try:
        with torch.device("meta"):
            module = BUILDERS[part](config) if config else BUILDERS[part](MEASURES[part](shapes))
    except KeyError as error:
        raise _unfit(source, part, f"{error.args[0]} is missing") from error
    _require_same(shapes, {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}, source, part)
    return module


def fill(module: nn.Module, stored: Mapping[str, Stored], device: torch.device | str, dtype: torch.dtype) -> None:
    """Give a module from `build_part` its weights, frozen, on `device` in `dtype`."""
    state = {name: tensor.read().to(device, dtype) for name, tensor in stored.items()}
    module.load_state_dict(state, assign=True)
    for owner in module.modules():
        positions = dict(owner.named_buffers(recurse=False)).get("position_ids")
        if positions is not None:  # 0, 1, 2, ... needs no place in a file
            owner.position_ids = torch.arange(positions.shape[-1], device=device)[None]
    module.eval().requires_grad_(False)


def norm_groups(widths: Sequence[int]) -> int:
    """The groups of every group norm: Stable Diffusion's 32, fewer in narrow models so that each has four channels.

    A norm of single channels would take the flat colours out of a picture. Shapes do not tell the number of groups.
    """
    return min(32, min(widths) // 4)


def _unet_measures(shapes: Shapes) -> dict[str, Any]:
    widths = tuple(shapes[f"down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(LEVELS))
    return {
        "in_channels": shapes["conv_in.weight"][1],
        "out_channels": shapes["conv_out.weight"][0],
        "block_out_channels": widths,
        "norm_num_groups": norm_groups(widths),
        "cross_attention_dim": shapes["mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"][1],
        "attention_head_dim": 8,  # the number of heads, in spite of its name
        "layers_per_block": LAYERS,
    }


def _vae_measures(shapes: Shapes) -> dict[str, Any]:
    widths = tuple(shapes[f"encoder.down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(LEVELS))
    return {
        "block_out_channels": widths,
        "norm_num_groups": norm_groups(widths),
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "down_block_types": ("DownEncoderBlock2D",) * LEVELS,
        "up_block_types": ("UpDecoderBlock2D",) * LEVELS,
        "layers_per_block": LAYERS,
    }


def _text_measures(shapes: Shapes) -> dict[str, Any]:
    vocabulary, width = shapes["embeddings.token_embedding.weight"]
    layers = {name.split(".")[2] for name in shapes if name.startswith("encoder.layers.")}
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "projection_dim": width,
        "intermediate_size": shapes["encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": len(layers),
        "num_attention_heads": max(1, width // 64),
        "max_position_embeddings": shapes["embeddings.position_embedding.weight"][0],
    }


# Below this width plain matrix products beat the fused attention kernel, whose backward pass is slow for narrow heads.
NARROW = 256


# The libraries are imported where they are used: what only reads headers or tokens need not wait for them.
def _build_unet(config: Mapping[str, Any]) -> nn.Module:
    from diffusers.models.attention_processor import AttnProcessor  # noqa: PLC0415
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel  # noqa: PLC0415

    unet = UNet2DConditionModel.from_config(dict(config))
    if max(unet.config.block_out_channels) < NARROW:
        unet.set_attn_processor(AttnProcessor())
    return unet


def _build_vae(config: Mapping[str, Any]) -> nn.Module:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL  # noqa: PLC0415

    return AutoencoderKL.from_config(dict(config))


def _build_text_encoder(config: Mapping[str, Any]) -> nn.Module:
    from transformers.models.clip.configuration_clip import CLIPTextConfig  # noqa: PLC0415
    from transformers.models.clip.modeling_clip import CLIPTextModel  # noqa: PLC0415

    return CLIPTextModel(CLIPTextConfig(**config))


MEASURES: dict[str, Callable[[Shapes], dict[str, Any]]] = {
    "unet": _unet_measures, "vae": _vae_measures, "text_encoder": _text_measures,
}  # fmt: skip
BUILDERS: dict[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "unet": _build_unet, "vae": _build_vae, "text_encoder": _build_text_encoder,
}  # fmt: skip


def _require_same(found: Shapes, expected: Shapes, source: Path, part: str) -> None:
    """Raise one UserError that counts and exemplifies what is missing, unknown or of another shape."""
    complaints = []
    for words, names in (
        ("missing", expected.keys() - found.keys()),
        ("unknown", found.keys() - expected.keys()),
        ("of another shape", {name for name in expected.keys() & found.keys() if expected[name] != found[name]}),
    ):
        if names:
            complaints.append(f"{len(names)} {words}, for example {min(names)}")
    if complaints:
        raise _unfit(source, part, "; ".join(complaints))


def _unfit(source: Path, part: str, found: str) -> UserError:
    return UserError(
        problem(
            "model_weights_unfit",
            "{file}: the {part}'s weights are not those of an SD 1.x model ({found}). The file may be damaged or of "
            "another kind; use another copy of the model.",
            file=str(source),
            part=PART_NAMES[part],
            found=found,
        )
    )

"""The VAE, the same in every Stable Diffusion: its names in the original Stability layout, and its measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from train_core.facts.models.unet_names import renamed
from train_core.models.files.stored import Stored, as_kernel, as_matrix
from train_core.models.lean_imports import without_quantizers
from train_core.models.parts import Part, Shapes, norm_groups

LEVELS = 4
LAYERS = 2
# VAE files hold more than weights: the discriminator of their training, averages of the weights.
NOT_WEIGHTS = ("loss.", "model_ema.")
HALVES = ("encoder", "decoder")
ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
# The attention of VAEs saved by the first versions of diffusers.
OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def _modules() -> Iterator[tuple[str, str]]:
    """(original, diffusers) paths. Decoder levels count from the picture there, from the latent here."""
    for half in HALVES:
        yield f"{half}.mid.block_1", f"{half}.mid_block.resnets.0"
        yield f"{half}.mid.block_2", f"{half}.mid_block.resnets.1"
        for theirs, ours in ATTENTION.items():
            yield f"{half}.mid.attn_1.{theirs}", f"{half}.mid_block.attentions.0.{ours}"
        yield f"{half}.norm_out", f"{half}.conv_norm_out"
    for level in range(LEVELS):
        down, up = f"encoder.down_blocks.{level}", f"decoder.up_blocks.{LEVELS - 1 - level}"
        for layer in range(LAYERS):
            yield f"encoder.down.{level}.block.{layer}.nin_shortcut", f"{down}.resnets.{layer}.conv_shortcut"
            yield f"encoder.down.{level}.block.{layer}", f"{down}.resnets.{layer}"
        yield f"encoder.down.{level}.downsample.conv", f"{down}.downsamplers.0.conv"
        for layer in range(LAYERS + 1):
            yield f"decoder.up.{level}.block.{layer}.nin_shortcut", f"{up}.resnets.{layer}.conv_shortcut"
            yield f"decoder.up.{level}.block.{layer}", f"{up}.resnets.{layer}"
        yield f"decoder.up.{level}.upsample.conv", f"{up}.upsamplers.0.conv"


TO_ORIGINAL = {ours: theirs for theirs, ours in _modules()}
TO_DIFFUSERS = dict(_modules()) | {
    f"{half}.mid_block.attentions.0.{old}": f"{half}.mid_block.attentions.0.{new}"
    for half in HALVES
    for old, new in OLD_ATTENTION.items()
}


def _read(stored: Mapping[str, Stored]) -> dict[str, Stored]:
    named = {}
    for file_name, tensor in stored.items():
        if not file_name.startswith(NOT_WEIGHTS):
            name = renamed(file_name, TO_DIFFUSERS)
            is_kernel = _is_attention_matrix(name) and len(tensor.shape) == 4
            named[name] = as_matrix(tensor) if is_kernel else tensor
    return named


def _write(state: Mapping[str, Stored]) -> dict[str, Stored]:
    return {
        renamed(name, TO_ORIGINAL): as_kernel(tensor) if _is_attention_matrix(name) else tensor
        for name, tensor in state.items()
    }


def _is_attention_matrix(name: str) -> bool:
    """Whether diffusers' weight `name` is a matrix that the original layout stores as a 1x1 convolution."""
    owner, _, kind = name.rpartition(".")
    return kind == "weight" and ".attentions.0." in name and not owner.endswith("group_norm")


def _measure(shapes: Shapes) -> dict[str, Any]:
    widths = tuple(shapes[f"encoder.down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(LEVELS))
    return {
        "block_out_channels": widths,
        "norm_num_groups": norm_groups(widths),
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "down_block_types": ("DownEncoderBlock2D",) * LEVELS,
        "up_block_types": ("UpDecoderBlock2D",) * LEVELS,
        "layers_per_block": LAYERS,
    }


def _build(config: Mapping[str, Any]) -> nn.Module:
    with without_quantizers():
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL  # noqa: PLC0415

    return AutoencoderKL.from_config(dict(config))


VAE = Part("VAE", "first_stage_model.", _read, _write, _measure, _build)

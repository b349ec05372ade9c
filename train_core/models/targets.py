"""Which layers of a model adapters sit on, and what adapter files call them (the conventions of sd-scripts)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import nn

from train_core.models.family import PartName, Target
from train_core.models.parts import renamed

ATTENTION = {"Transformer2DModel"}
EXTENDED = {"ResnetBlock2D", "Downsample2D", "Upsample2D"}
TEXT = {"CLIPAttention", "CLIPMLP"}
MIDDLE_BLOCK = 12
UNET_PLACE = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.")
# Where SDXL's blocks of a kind begin in the count of 23: one embedding, 9 in, 3 middle, 9 out, one output.
SGM_START = {"input": 1, "middle": 10, "output": 13}
SGM_PLACE = re.compile(r"(input_blocks|middle_block|output_blocks)\.(\d+)\.")


def unet_targets(unet: nn.Module) -> Iterator[Target]:
    """Every Linear and convolution inside attention, residual and resampling blocks, named as in diffusers."""
    for name, layer, extended in _layers_within(unet, ATTENTION, EXTENDED):
        yield Target(layer, "lora_unet_" + name.replace(".", "_"), "unet", _unet_block(name), extended)


def sgm_unet_targets(unet: nn.Module, original: Mapping[str, str]) -> Iterator[Target]:
    """The same layers by the names of Stability's generative models, as SDXL's adapters have them.

    `original` maps diffusers' module paths to those. `block` counts 0 to 22.
    """
    for name, layer, extended in _layers_within(unet, ATTENTION, EXTENDED):
        path = renamed(name, original)
        yield Target(layer, "lora_unet_" + path.replace(".", "_"), "unet", _sgm_block(path), extended)


def text_encoder_targets(
    text_encoder: nn.Module, key: str = "lora_te_", part: PartName = "text_encoder"
) -> Iterator[Target]:
    """Every Linear of attention and MLP, its name led by `key`. `block` is the layer's number.

    File keys hold `text_model`, whether or not the installed transformers has that step in its module names.
    """
    for name, layer, _ in _layers_within(text_encoder, TEXT, set()):
        path = name.removeprefix("text_model.")
        yield Target(layer, f"{key}text_model_{path.replace('.', '_')}", part, int(path.split(".")[2]))


def _layers_within(
    module: nn.Module, plain: set[str], extended: set[str]
) -> Iterator[tuple[str, nn.Linear | nn.Conv2d, bool]]:
    """(path, layer, whether extended) of the Linears and convolutions inside modules of the named classes."""
    for root_name, root in module.named_modules():
        kind = type(root).__name__
        if kind in plain | extended:
            for name, layer in root.named_modules():
                if isinstance(layer, nn.Linear | nn.Conv2d):
                    yield f"{root_name}.{name}", layer, kind in extended


def _unet_block(name: str) -> int:
    """The block number for per-block settings: 1 to 11 down, 12 middle, 13 to 24 up."""
    place = UNET_PLACE.match(name)
    if place is None:
        return MIDDLE_BLOCK
    direction, level, kind, layer = place.groups()
    within = 3 * int(level) + (2 if kind.endswith("samplers") else int(layer))
    return within + (1 if direction == "down" else MIDDLE_BLOCK + 1)


def _sgm_block(path: str) -> int:
    place = SGM_PLACE.match(path)
    if place is None:
        raise ValueError(f"{path} lies in no block")
    return SGM_START[place[1].partition("_")[0]] + int(place[2])

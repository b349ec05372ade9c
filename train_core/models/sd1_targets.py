"""Which layers of an SD 1.x model adapters sit on, and what adapter files call them (the convention of sd-scripts)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import nn

from train_core.models.family import Target

ATTENTION = {"Transformer2DModel"}
EXTENDED = {"ResnetBlock2D", "Downsample2D", "Upsample2D"}
TEXT = {"CLIPAttention", "CLIPMLP"}
MIDDLE_BLOCK = 12
UNET_PLACE = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.")


def unet_targets(unet: nn.Module) -> Iterator[Target]:
    """Every Linear and convolution inside attention, residual and resampling blocks."""
    for name, layer, extended in _layers_within(unet, ATTENTION, EXTENDED):
        yield Target(layer, "lora_unet_" + name.replace(".", "_"), "unet", _unet_block(name), extended)


def text_encoder_targets(text_encoder: nn.Module) -> Iterator[Target]:
    """Every Linear of attention and MLP. `block` is the layer's number.

    File keys hold `text_model`, whether or not the installed transformers has that step in its module names.
    """
    for name, layer, _ in _layers_within(text_encoder, TEXT, set()):
        path = name.removeprefix("text_model.")
        key = "lora_te_text_model_" + path.replace(".", "_")
        yield Target(layer, key, "text_encoder", int(path.split(".")[2]))


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

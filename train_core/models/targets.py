"""The layers of a model, what adapter files call them (the conventions of sd-scripts), and where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import nn

from train_core.facts.models.unet_names import renamed, sgm_block, unet_block
from train_core.models.family import Target

LAYERS = (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.GroupNorm)
PROJECTION = re.compile(r"lora_te\d?_text_projection")
TEXT_LAYER = re.compile(r"(?:text_model\.)?encoder\.layers\.(\d+)\.")


def unet_targets(unet: nn.Module, key: str = "lora_unet_", part: str = "unet") -> Iterator[Target]:
    """Every layer and norm of the U-Net, named as in diffusers and led by `key`. `block` counts 0 to 24."""
    for path, layer, owners in _layers(unet):
        yield Target(layer, key + path.replace(".", "_"), part, unet_block(path), path, owners)


def sgm_unet_targets(
    unet: nn.Module, original: Mapping[str, str], key: str = "lora_unet_", part: str = "unet"
) -> Iterator[Target]:
    """The same by the names of Stability's generative models, as SDXL's adapters have them.

    `original` maps diffusers' module paths to those. `block` counts 0 to 22.
    """
    for path, layer, owners in _layers(unet):
        theirs = renamed(path, original)
        yield Target(layer, key + theirs.replace(".", "_"), part, sgm_block(theirs), path, owners, (theirs,))


def text_encoder_targets(
    text_encoder: nn.Module, key: str = "lora_te_", part: str = "text_encoder"
) -> Iterator[Target]:
    """Every layer and norm of a text encoder's layers, its name led by `key`. `block` is the layer's number.

    File keys hold `text_model`, whether or not the installed transformers has that step in its module names.
    """
    for path, layer, owners in _layers(text_encoder):
        place = TEXT_LAYER.match(path)
        if place is not None:
            plain = path.removeprefix("text_model.")
            name = f"{key}text_model_{plain.replace('.', '_')}"
            yield Target(layer, name, part, int(place[1]), plain, owners, (f"text_model.{plain}",), in_denoiser=False)


def projection_targets(text_encoder: nn.Module, key: str, part: str) -> Iterator[Target]:
    """The matrix that makes the pooled text, where `text_encoder` has one: no training changes it, but others' do."""
    projection = getattr(text_encoder, "text_projection", None)
    if isinstance(projection, nn.Linear):
        path = "text_projection"
        yield Target(projection, key + path, part, 0, path, (type(projection).__name__,), in_denoiser=False)


def is_projection(key: str) -> bool:
    """Whether a key in an adapter file is that of a text encoder's projection, whether or not the model has one."""
    return PROJECTION.fullmatch(key) is not None


def _layers(root: nn.Module) -> Iterator[tuple[str, nn.Module, tuple[str, ...]]]:
    """(path, layer, classes) of every layer and norm: the classes of the modules it lies in, outermost first, its own
    last."""
    classes = {name: type(module).__name__ for name, module in root.named_modules()}
    for path, module in root.named_modules():
        if isinstance(module, LAYERS):
            steps = path.split(".")
            above = (".".join(steps[:depth]) for depth in range(1, len(steps) + 1))
            yield path, module, tuple(classes[name] for name in above)

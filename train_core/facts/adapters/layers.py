"""Layers of a base model that adapters may sit on, with their places and shapes, found without loading the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from train_core.facts.adapters.shapes import Shape, text_encoder_shapes, unet_shapes
from train_core.facts.models.tensor_info import TensorInfo
from train_core.facts.models.unet_names import SIZE_EMBEDDING, original_names, renamed, sgm_block, unet_block
from train_core.kinds import KINDS, Kind

# Classes of diffusers and transformers, by the last named step of a path and whether a number follows it.
LISTS = frozenset({
    "down_blocks", "up_blocks", "resnets", "attentions", "downsamplers", "upsamplers", "transformer_blocks", "to_out",
    "net", "layers",
})  # fmt: skip
CLASSES = {
    "mid_block": "UNetMidBlock2DCrossAttn", "attn1": "Attention", "attn2": "Attention", "ff": "FeedForward",
    "time_embedding": "TimestepEmbedding", "add_embedding": "TimestepEmbedding", "encoder": "CLIPEncoder",
    "self_attn": "CLIPAttention", "mlp": "CLIPMLP",
}  # fmt: skip
ITEMS = {
    "resnets": "ResnetBlock2D", "attentions": "Transformer2DModel", "downsamplers": "Downsample2D",
    "upsamplers": "Upsample2D", "transformer_blocks": "BasicTransformerBlock", "net": "GEGLU",
    "layers": "CLIPEncoderLayer",
}  # fmt: skip
WITHOUT_BIAS = re.compile(r"\.attn\d\.to_[qkv]$")
UNET = "model.diffusion_model."
FIRST_OF_LEVEL = re.compile(r"input_blocks\.(\d+)\.0\.in_layers\.2\.weight")
TRANSFORMER = re.compile(r"(?:input_blocks|middle_block)\.(\d+)\.(?:1\.)?transformer_blocks\.(\d+)\.norm1\.weight")
TEXT_LAYER = re.compile(r"(.+)\.(?:encoder\.layers|transformer\.resblocks)\.(\d+)\.(?:mlp\.fc2|mlp\.c_proj)\.weight")


@dataclass(frozen=True)
class Layer:
    """A layer or norm: where it lies, as adapters are chosen by it, and the shape of its weight.

    `part`, `path`, `others`, `owners` and `block` are those of `models.family.Target`.
    """

    part: str
    path: str
    others: tuple[str, ...]
    owners: tuple[str, ...]
    block: int
    shape: Shape
    in_denoiser: bool

    @property
    def paths(self) -> tuple[str, ...]:
        """All the names that the layer has within its part."""
        return (self.path, *self.others)

    @property
    def is_norm(self) -> bool:
        return len(self.shape) == 1

    @property
    def is_wide_conv(self) -> bool:
        """Whether it is a convolution that looks beyond its own place."""
        return self.shape[2:] not in ((), (1, 1))

    @property
    def has_bias(self) -> bool:
        return WITHOUT_BIAS.search(self.path) is None


class TextSize(NamedTuple):
    """Size of the text encoder `part`: its width, its layers, and the width within each."""

    part: str
    width: int
    layers: int
    inner: int


@dataclass(frozen=True)
class Measures:
    """Sizes of a model of the kind `kind`: the channels and transformer blocks of each level, the width of the text
    that its U-Net reads, of the pooled text beside the sizes (None: reads none), the channels that it sees, and its
    text encoders."""

    kind: str
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    context: int
    pooled: int | None
    channels: int
    texts: tuple[TextSize, ...]

    @property
    def denoiser(self) -> str:
        """The name of the part that removes noise."""
        return KINDS[self.kind].denoiser


def usual_measures(kind: str) -> Measures:
    """The sizes of published models of the kind, a name in `KINDS`."""
    row = KINDS[kind]
    texts = tuple(TextSize(part, width, layers, 4 * width) for part, (width, layers) in row.text_sizes.items())
    return Measures(
        kind, row.unet_widths, row.unet_depths, row.text_width or 0, row.pooled_width, row.latents.channels, texts
    )


def measures_of(kind: str, tensors: Mapping[str, TensorInfo]) -> Measures:
    """The sizes of the model in a file with these `tensors`, named as in Stability's layout; the usual ones where it
    has other names."""
    usual = usual_measures(kind)
    unet = {name.removeprefix(UNET): one.shape for name, one in tensors.items() if name.startswith(UNET)}
    firsts = {int(found[1]): shape[0] for name, shape in unet.items() if (found := FIRST_OF_LEVEL.fullmatch(name))}
    if not firsts or "input_blocks.0.0.weight" not in unet:
        return usual
    widths = tuple(firsts[block] for block in sorted(firsts) if block % 3 == 1)
    depths = [0] * len(widths)
    for name in unet:
        found = TRANSFORMER.fullmatch(name)
        if found and name.startswith("input_blocks") and int(found[1]) % 3 == 1:
            level = int(found[1]) // 3
            depths[level] = max(depths[level], int(found[2]) + 1)
    context = next((shape[1] for name, shape in unet.items() if name.endswith("attn2.to_k.weight")), usual.context)
    added = unet.get("label_emb.0.0.weight")
    return replace(
        usual, widths=widths, depths=tuple(depths), context=context, channels=unet["input_blocks.0.0.weight"][1],
        pooled=None if added is None else added[1] - 6 * SIZE_EMBEDDING, texts=_texts(usual, tensors),
    )


def _texts(usual: Measures, tensors: Mapping[str, TensorInfo]) -> tuple[TextSize, ...]:
    """The text encoders; a file has them in the order of the kind's row."""
    found: dict[str, list[Shape]] = {}
    for name, one in tensors.items():
        layer = TEXT_LAYER.fullmatch(name)
        if layer is not None:
            found.setdefault(layer[1], []).append(one.shape)
    if len(found) != len(usual.texts):
        return usual.texts
    spare = KINDS[usual.kind].spare_text_layers
    return tuple(
        TextSize(text.part, found[root][0][0], len(found[root]) - spare, found[root][0][1])
        for text, root in zip(usual.texts, sorted(found), strict=True)
    )


@cache
def layers_of(measures: Measures) -> tuple[Layer, ...]:
    """Every layer and norm of a model of these sizes that an adapter may sit on."""
    row = replace(
        KINDS[measures.kind], unet_widths=measures.widths, unet_depths=measures.depths, text_width=measures.context,
        pooled_width=measures.pooled,
    )
    texts = (
        Layer(part, path, (f"text_model.{path}",), _owners(path, shape, ()), int(path.split(".")[2]), shape, False)
        for part, width, layers, inner in measures.texts
        for path, shape in text_encoder_shapes(width, layers, inner)
    )
    return (*texts, *_unet_layers(row, measures.channels))


def _unet_layers(row: Kind, channels: int) -> Iterator[Layer]:
    original = original_names(row.unet_attention) if row.original_keys else None
    for path, usual in unet_shapes(row):
        shape = (usual[0], channels, *usual[2:]) if path == "conv_in" else usual
        theirs = () if original is None else (renamed(path, original),)
        block = sgm_block(theirs[0]) if theirs else unet_block(path)
        yield Layer(row.denoiser, path, theirs, _owners(path, shape, row.unet_attention), block, shape, True)


def _owners(path: str, shape: Shape, attention: tuple[bool, ...]) -> tuple[str, ...]:
    """The classes that the layer at `path` lies in, outermost first, and its own."""
    steps = path.split(".")
    owners = []
    for step, before in zip(steps[:-1], ["", *steps], strict=False):
        if step.isdecimal():
            owners.append(_block_class(before, int(step), attention) or ITEMS[before])
        else:
            owners.append("ModuleList" if step in LISTS else CLASSES[step])
    return (*owners, _own_class(steps, shape))


def _block_class(before: str, number: int, attention: tuple[bool, ...]) -> str:
    if before == "down_blocks":
        return "CrossAttnDownBlock2D" if attention[number] else "DownBlock2D"
    if before == "up_blocks":
        return "CrossAttnUpBlock2D" if attention[len(attention) - 1 - number] else "UpBlock2D"
    return ""


def _own_class(steps: list[str], shape: Shape) -> str:
    if len(shape) == 1:
        in_transformer = steps[-1] != "norm" and ("transformer_blocks" in steps or steps[0] == "encoder")
        return "LayerNorm" if in_transformer else "GroupNorm"
    return "Conv2d" if len(shape) == 4 else "Linear"

"""The kind of base model that an adapter is for, by its layers, and the keys that its layers have there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from train_core.kinds import KINDS, SD1, Kind, stated_kind
from train_core.networks.files.module import Module
from train_core.networks.files.real_layers import exchanged, layers_of, underscored
from train_core.networks.files.tensor_names import SOME_TEXT_ENCODER

# Starts of keys that mean a text encoder without saying which one of a model's.
FIRST_TEXT_ENCODER = "lora_te"
UNNUMBERED = (f"{SOME_TEXT_ENCODER}_", f"{FIRST_TEXT_ENCODER}_")
ORIGINAL = re.compile(r"(input_blocks|middle_block|output_blocks|time_embed|label_emb|out)_")
# The steps of paths, so that underscores within them can be told from those between them.
STEP = re.compile(
    r"\d+|(?:down|up|transformer)_blocks|mid_block|to_out|to_[qkv]|time_emb_proj|time_embedding|add_embedding|linear_\d"
    r"|conv_(?:shortcut|in|out|norm_out)|proj_(?:in|out)|self_attn|(?:[qkv]|out)_proj|layer_norm\d|final_layer_norm"
    r"|group_norm|token_embedding|position_embedding|[a-z]+\d*"
)


@dataclass(frozen=True)
class Base:
    """The kinds of base model that an adapter's layers fit, and the one it is for.

    `kind` is "" where neither layers nor metadata tell one. `denied` is the kind that the metadata state though the
    layers are another's.
    """

    fitting: tuple[str, ...]
    kind: str
    denied: str = ""


def base_of(modules: Mapping[str, Module], metadata: Mapping[str, str]) -> Base:
    """The base model of an adapter with these modules; metadata are believed only where the layers allow it."""
    fitting, stated = _fitting(modules), stated_kind(metadata)
    if stated and (stated in fitting or not layers_of(stated)):
        return Base(fitting, stated)
    return Base(fitting, fitting[0] if len(fitting) == 1 else "", stated)


def _fitting(modules: Mapping[str, Module]) -> tuple[str, ...]:
    """The kinds that most of the modules fit, each by its key and, as far as it is of real size, by its shape.

    All kinds where no key says anything.
    """
    votes: Counter[str] = Counter()
    for key, module in modules.items():
        having = [name for name in KINDS if key in layers_of(name)]
        looks = module.looks() if len(having) > 1 else {}
        fits = [name for name in having if looks and any(
            module.algorithm.suits(looks, torch.Size(shape)) for shape in layers_of(name)[key]
        )]  # fmt: skip
        votes.update(fits or having)
    most = max(votes.values(), default=0)
    return tuple(name for name in KINDS if votes[name] == most)


def key_in(base: Base, key: str, module: Module) -> str:
    """The `key` of a file's module as this program has it for `base`.

    Where the kind is not known and the possible ones differ in it, it stays as the file has it.
    """
    if base.kind:
        return key_for(KINDS[base.kind], key, module)
    possible = {key_for(KINDS[name], key, module) for name in base.fitting}
    if len(possible) == 1:
        return possible.pop()
    return key.replace(SOME_TEXT_ENCODER, FIRST_TEXT_ENCODER, 1) if key.startswith(SOME_TEXT_ENCODER) else key


def key_for(row: Kind, key: str, module: Module) -> str:
    """The `key` as adapters for the kind `row` have it: the U-Net by the layout's names that the row asks for, text
    encoders by its prefixes."""
    unnumbered = next((start for start in UNNUMBERED if key.startswith(start)), "")
    if unnumbered:
        rest = key.removeprefix(unnumbered)
        return f"{_text_prefix(row, rest, module)}_{rest}"
    prefix = f"{row.key_prefixes[row.denoiser]}_"
    if not key.startswith(prefix):
        return key
    rest = key.removeprefix(prefix)
    if row.original_keys == bool(ORIGINAL.match(rest)):
        return key
    table = underscored(row.unet_attention)
    return prefix + exchanged(rest, table if row.original_keys else {theirs: ours for ours, theirs in table.items()})


def _text_prefix(row: Kind, rest: str, module: Module) -> str:
    """The start of the key that ends in `rest`: of the text encoder that the module fits in size, else of the first."""
    prefixes = [row.key_prefixes[part] for part in row.key_prefixes if part != row.denoiser]
    layers = layers_of(row.name)
    for prefix in prefixes if len(prefixes) > 1 else ():
        if any(module.suits(torch.Size(shape)) for shape in layers.get(f"{prefix}_{rest}", ())):
            return prefix
    return prefixes[0] if prefixes else FIRST_TEXT_ENCODER


def diffusers_path(key: str, kind: str) -> tuple[str, str]:
    """The part that the module with this `key` belongs to, and its path there as diffusers and transformers have it."""
    row = KINDS.get(kind, SD1)
    if key.startswith("lora_unet_"):
        rest = key.removeprefix("lora_unet_")
        back = {theirs: ours for ours, theirs in underscored(row.unet_attention).items()}
        return "unet", _dotted(exchanged(rest, back) if ORIGINAL.match(rest) else rest)
    prefix, _, rest = key.partition("_text_model_")
    parts = {prefix: part for part, prefix in row.key_prefixes.items()}
    return parts.get(prefix, "text_encoder"), f"text_model.{_dotted(rest)}"


def _dotted(rest: str) -> str:
    """A path whose dots a key holds as underscores, which names hold too."""
    return ".".join(STEP.findall(rest))

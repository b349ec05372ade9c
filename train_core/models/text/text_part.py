"""Text encoders: CLIP's as transformers names them, and OpenCLIP's own layout, in which later models keep theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from train_core.config.phrases import phrase
from train_core.facts.models.unet_names import renamed
from train_core.models.files.stored import Stored, joined, transposed
from train_core.models.parts import Part, Shapes

HEAD_WIDTH = 64
PROJECTION = "text_projection.weight"
# Files hold more than weights: index buffers, and the scale that only CLIP's own training needs.
NOT_WEIGHTS = re.compile(r"embeddings\.position_ids$|logit_scale$|attn_mask$")

OUTER = {
    "token_embedding": "embeddings.token_embedding",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final": "final_layer_norm",
}
WITHIN = {
    "ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}  # fmt: skip
FROM_OPEN = OUTER | WITHIN
TO_OPEN = {ours: theirs for theirs, ours in FROM_OPEN.items()}
OPEN_LAYER = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)")
LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)")
JOINED = re.compile(r"attn\.in_proj_(weight|bias)")
SPLIT = re.compile(r"self_attn\.([qkv])_proj\.(weight|bias)")


@dataclass(frozen=True)
class _Form:
    """Form of an encoder: its activation, whether it projects its pooled text, which OpenCLIP layers are spare.

    `spare` is the number of last layers that a file holds and the model never uses.
    """

    activation: str
    projects: bool = False
    spare: int = 0

    @property
    def inner(self) -> str:
        """Path of the encoder within transformers' module."""
        return "text_model." if self.projects else ""


def clip_part(prefix: str) -> Part:
    """CLIP ViT-L's text encoder, named as transformers does."""
    form = _Form("quick_gelu")
    write = partial(_without_inner, form)
    title = phrase("text_encoder", "text encoder")
    return Part(title, prefix, partial(_read, form), write, _measure(form), _build(form))


def open_clip_part(title: str, prefix: str, projects: bool = False, spare: int = 0) -> Part:
    """A text encoder in OpenCLIP's layout; `projects` where its pooled text is used, `spare` layers are never used."""
    form = _Form("gelu", projects, spare)
    write, spared = partial(_write_open, form), partial(_spare, form)
    return Part(title, prefix, partial(_read, form), write, _measure(form), _build(form), spared)


def _read(form: _Form, stored: Mapping[str, Stored]) -> dict[str, Stored]:
    named: dict[str, Stored] = {}
    for name, tensor in _without_spare(form, stored).items():
        plain = name.removeprefix("text_model.")
        if not NOT_WEIGHTS.search(plain):
            named |= _from_open(plain, tensor)
    if not form.projects:
        named.pop(PROJECTION, None)
    return {_within(form, name): tensor for name, tensor in named.items()}


def _within(form: _Form, name: str) -> str:
    return name if name == PROJECTION else form.inner + name


def _without_inner(form: _Form, state: Mapping[str, Stored]) -> dict[str, Stored]:
    return {name.removeprefix(form.inner): tensor for name, tensor in state.items()}


def _without_spare(form: _Form, stored: Mapping[str, Stored]) -> dict[str, Stored]:
    """`stored` without the spare layers of OpenCLIP's layout; diffusers' folders hold none."""
    used = _open_layers(stored) - form.spare
    return {
        name: tensor
        for name, tensor in stored.items()
        if not (found := OPEN_LAYER.fullmatch(name)) or int(found[1]) < used
    }


def _open_layers(names: Mapping[str, Any]) -> int:
    return 1 + max((int(found[1]) for name in names if (found := OPEN_LAYER.fullmatch(name))), default=-1)


def _spare(form: _Form, stored: Mapping[str, Stored]) -> dict[str, Stored]:
    """Tensors of OpenCLIP's layout that are never used here, yet are looked for by other software."""
    used = _open_layers(stored) - form.spare
    unused = {"logit_scale"} if form.projects else {"logit_scale", "text_projection"}
    return {
        name: tensor
        for name, tensor in stored.items()
        if name in unused or ((found := OPEN_LAYER.fullmatch(name)) and int(found[1]) >= used)
    }


def _from_open(name: str, tensor: Stored) -> dict[str, Stored]:
    """The tensor that OpenCLIP calls `name` under transformers' names; three tensors for the joined q, k and v."""
    if name == "text_projection":
        return {PROJECTION: transposed(tensor)}
    layer = OPEN_LAYER.fullmatch(name)
    if layer is None:
        return {renamed(name, FROM_OPEN): tensor}
    path, rest = f"encoder.layers.{layer[1]}.", layer[2]
    joined = JOINED.fullmatch(rest)
    if joined is None:
        return {path + renamed(rest, FROM_OPEN): tensor}
    return {f"{path}self_attn.{q}_proj.{joined[1]}": _third(tensor, place) for place, q in enumerate("qkv")}


def _third(joined: Stored, place: int) -> Stored:
    """Rows of q, k or v (`place` 0 to 2) in their joined tensor."""
    rows = joined.shape[0] // 3
    return Stored((rows, *joined.shape[1:]), lambda: joined.read()[place * rows : (place + 1) * rows], joined.dtype)


def _write_open(form: _Form, state: Mapping[str, Stored]) -> dict[str, Stored]:
    """OpenCLIP's layout. Spare layers are stood in for by copies of the last one, so that readers find all."""
    named: dict[str, Stored] = {}
    thirds: dict[str, dict[str, Stored]] = {}
    for name, tensor in _without_inner(form, state).items():
        layer = LAYER.fullmatch(name)
        split = SPLIT.fullmatch(layer[2]) if layer else None
        if name == PROJECTION:
            named["text_projection"] = transposed(tensor)
        elif layer is None:
            named[renamed(name, TO_OPEN)] = tensor
        elif split is None:
            named[f"transformer.resblocks.{layer[1]}.{renamed(layer[2], TO_OPEN)}"] = tensor
        else:
            thirds.setdefault(f"transformer.resblocks.{layer[1]}.attn.in_proj_{split[2]}", {})[split[1]] = tensor
    named |= {name: joined([parts[letter] for letter in "qkv"]) for name, parts in thirds.items()}
    return named | _stand_ins(form, named)


def _stand_ins(form: _Form, named: Mapping[str, Stored]) -> dict[str, Stored]:
    last = _open_layers(named) - 1
    return {
        f"transformer.resblocks.{last + extra}.{found[2]}": tensor
        for extra in range(1, form.spare + 1)
        for name, tensor in named.items()
        if (found := OPEN_LAYER.fullmatch(name)) and int(found[1]) == last
    }


def _measure(form: _Form) -> Callable[[Shapes], dict[str, Any]]:
    def measure(shapes: Shapes) -> dict[str, Any]:
        vocabulary, width = shapes[f"{form.inner}embeddings.token_embedding.weight"]
        layers = {found[1] for name in shapes if (found := LAYER.fullmatch(name.removeprefix(form.inner)))}
        return {
            "vocab_size": vocabulary,
            "hidden_size": width,
            "projection_dim": shapes[PROJECTION][0] if form.projects else width,
            "intermediate_size": shapes[f"{form.inner}encoder.layers.0.mlp.fc1.weight"][0],
            "num_hidden_layers": len(layers),
            "num_attention_heads": max(1, width // HEAD_WIDTH),
            "max_position_embeddings": shapes[f"{form.inner}embeddings.position_embedding.weight"][0],
            "hidden_act": form.activation,
        }

    return measure


def _build(form: _Form) -> Callable[[Mapping[str, Any]], nn.Module]:
    def build(config: Mapping[str, Any]) -> nn.Module:
        from transformers.models.clip import modeling_clip  # noqa: PLC0415
        from transformers.models.clip.configuration_clip import CLIPTextConfig  # noqa: PLC0415

        make = modeling_clip.CLIPTextModelWithProjection if form.projects else modeling_clip.CLIPTextModel
        return make(CLIPTextConfig(**config))

    return build

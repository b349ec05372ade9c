"""The names of tensors in adapter files: which layer and which of its tensors one means, whoever wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from train_core.kinds import KINDS

# Steps of a path that only say what a model was wrapped in while it was trained or saved.
WRAPPERS = re.compile(
    r"(?<![^.])(?:base_model\.model|_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
WRAPPER_IN_KEY = "__orig_mod_"
# PEFT's name of the adapter, which tensors have while it is in use.
OWN_NAME = r"(?:\.(?!(?:weight|bias)$)[\w-]+)?"
# The ends of names, after the layer's path or key, and what kohya and LyCORIS call the tensor.
ENDS = tuple(
    (re.compile(rf"(.+?){pattern}"), tensor)
    for pattern, tensor in (
        (rf"\.lora_(?:B|up){OWN_NAME}\.bias", "lora_B.bias"),
        (rf"\.lora_(?:A|down){OWN_NAME}(?:\.weight)?", "lora_down.weight"),
        (rf"\.lora_(?:B|up){OWN_NAME}(?:\.weight)?", "lora_up.weight"),
        (rf"\.lora_mid{OWN_NAME}(?:\.weight)?", "lora_mid.weight"),
        (rf"\.lora_E{OWN_NAME}", "lora_E"),
        (r"(?:\.lora|\.lora_linear_layer|_lora)\.down\.weight", "lora_down.weight"),
        (r"(?:\.lora|\.lora_linear_layer|_lora)\.up\.weight", "lora_up.weight"),
        (rf"\.(?:lora_magnitude_vector|magnitude){OWN_NAME}(?:\.weight)?", "magnitude"),
        *(
            (rf"\.{name}{OWN_NAME}", name)
            for name in (
                *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"),
                *("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"),
            )
        ),
        *(
            (rf"\.{re.escape(name)}", name)
            for name in (
                *("alpha", "dora_scale", "diff", "diff_b", "w_norm", "b_norm", "oft_blocks", "rescale"),
                *("a1.weight", "a2.weight", "b1.weight", "b2.weight", "bias_indices", "bias_values", "bias_size"),
            )
        ),
    )
)
UNDERSCORED = re.compile(r"([^.]+)\.(.+)")
# Starts of keys with underscores that stand for those of `KINDS`.
OTHER_PREFIXES = (
    (re.compile(r"lycoris_(te\d?_)"), r"lora_\1"),
    (re.compile(r"lycoris_((?:text_model_)?encoder_layers_)"), r"text_encoder_\1"),
    (re.compile(r"lycoris_(?:unet_)?"), "lora_unet_"),
    (re.compile(r"oft_unet_"), "lora_unet_"),
)
# Starts of paths with dots: of the denoiser, and of text encoders by the part that they are.
UNET = re.compile(r"(?:unet|(?:model\.)?diffusion_model)\.(.+)")
UNET_BARE = re.compile(
    r"((?:(?:down|up|input|output)_blocks|mid_block|middle_block|time_embed|time_embedding|add_embedding|label_emb"
    r"|conv_in|conv_out|conv_norm_out|out)\..+|conv_in|conv_out|conv_norm_out)"
)
TEXT = (
    (re.compile(r"(?:text_encoder_2|(?:text_encoders\.)?clip_g)\.(.+)"), "text_encoder_2"),
    (re.compile(r"(?:text_encoder(?:_1)?|(?:text_encoders\.)?clip_[lh]|cond_stage_model)\.(.+)"), "text_encoder"),
    (re.compile(r"conditioner\.embedders\.0\.(.+)"), "text_encoder"),
    (re.compile(r"((?:text_model|encoder\.layers)\..+)"), "text_encoder"),
)
# A text encoder's start in keys where a file does not say which of a model's it is; see `base_kind`.
SOME_TEXT_ENCODER = "text_encoder"
# The projections of attention in the words of diffusers' first LoRAs, which used the U-Net's for text encoders too.
OLD_PROJECTIONS = (("to_q", "q_proj"), ("to_k", "k_proj"), ("to_v", "v_proj"), ("to_out.0", "out_proj"))


@dataclass(frozen=True)
class Place:
    """Where a tensor belongs: the `key` of its module, and its own name by kohya's and LyCORIS's naming.

    Keys have the layout and the start that the file uses: see `base_kind`. `part` and `path` say the same with dots
    where the file does, as PEFT's description of an adapter needs it.
    """

    key: str
    tensor: str
    part: str = ""
    path: str = ""


def place_of(name: str) -> Place | None:
    """Where the tensor of this `name` belongs; None for names that no adapter has."""
    plain = WRAPPERS.sub("", name)
    kohya = UNDERSCORED.fullmatch(plain)
    key = _key_of(kohya[1]) if kohya else None
    if kohya and key:
        return Place(key, _tensor_of(kohya[2]))
    for pattern, tensor in ENDS:
        found = pattern.fullmatch(plain)
        if found:
            return _dotted(found[1], tensor)
    return None


def _tensor_of(rest: str) -> str:
    """The tensor's name in kohya's words; as it is where it has no other."""
    for pattern, tensor in ENDS:
        if pattern.fullmatch(f"_.{rest}"):
            return tensor
    return rest


def _key_of(head: str) -> str | None:
    """The module's key if `head` is one with underscores, else None."""
    for pattern, start in OTHER_PREFIXES:
        head, changed = pattern.subn(start, head, count=1) if pattern.match(head) else (head, 0)
        if changed:
            break
    head = head.replace(WRAPPER_IN_KEY, "_").replace("_processor_to_", "_to_")
    starts = (*(f"{prefix}_" for prefix in _prefixes()), f"{SOME_TEXT_ENCODER}_text_", f"{SOME_TEXT_ENCODER}_encoder_")
    if not head.startswith(starts):
        return None
    if head.endswith("_to_out"):
        head += "_0"
    return head if "_text_model_" in head else head.replace("_encoder_layers_", "_text_model_encoder_layers_", 1)


def _prefixes() -> set[str]:
    """The starts of keys of all parts of all kinds, and that of a first text encoder, whatever the kind."""
    return {prefix for kind in KINDS.values() for prefix in kind.key_prefixes.values()} | {"lora_te"}


def _dotted(path: str, tensor: str) -> Place | None:
    """The same for a module that is named by a path with dots."""
    for pattern, part in TEXT:
        found = pattern.fullmatch(path)
        if found:
            inner = _in_text_encoder(found[1])
            start = "lora_te2" if part == "text_encoder_2" else SOME_TEXT_ENCODER
            within = "" if inner.startswith("text_projection") else "text_model_"
            return Place(f"{start}_{within}{inner.replace('.', '_')}", tensor, part, found[1])
    found = UNET.fullmatch(path) or UNET_BARE.fullmatch(path)
    if found:
        inner = _whole_step(found[1].replace(".processor.", "."))
        return Place(f"lora_unet_{inner.replace('.', '_')}", tensor, "unet", found[1])
    return _of_other_kind(path, tensor)


def _of_other_kind(path: str, tensor: str) -> Place | None:
    """The same for parts that only a kind's row knows."""
    part, _, inner = path.partition(".")
    prefixes = {part: prefix for kind in KINDS.values() for part, prefix in kind.key_prefixes.items()}
    return Place(f"{prefixes[part]}_{inner.replace('.', '_')}", tensor, part, inner) if part in prefixes else None


def _in_text_encoder(inner: str) -> str:
    """A path within a text encoder, from its layers on."""
    inner = _whole_step(inner.removeprefix("transformer.").removeprefix("text_model.").replace(".processor.", "."))
    for old, new in OLD_PROJECTIONS:
        if inner.endswith(f".self_attn.{old}"):
            return inner.removesuffix(old) + new
    return inner


def _whole_step(inner: str) -> str:
    """`inner` with the number that the attention processors of old left out."""
    return f"{inner}.0" if inner.endswith(".to_out") else inner

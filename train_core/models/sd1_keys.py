"""Names of SD 1.x weights: the original Stability layout and diffusers' module names, both ways, from one table."""

from __future__ import annotations

from collections.abc import Iterator

FILE_PREFIXES = {
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    "text_encoder": "cond_stage_model.transformer.text_model.",
}
# Files hold more than a part's weights: index buffers, a discriminator, averages of the weights.
NOT_WEIGHTS = ("embeddings.position_ids", "text_projection.", "loss.", "model_ema.")
LEVELS = 4
LAYERS = 2

UNET_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
# The attention of VAEs saved by the first versions of diffusers.
OLD_VAE_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
VAE_ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}


def _unet_resnet(original: str, diffusers: str) -> Iterator[tuple[str, str]]:
    for theirs, ours in UNET_RESNET.items():
        yield f"{original}.{theirs}", f"{diffusers}.{ours}"


def _unet_modules() -> Iterator[tuple[str, str]]:
    """(original, diffusers) paths. Attention blocks are named alike inside, so that only their place differs."""
    yield "time_embed.0", "time_embedding.linear_1"
    yield "time_embed.2", "time_embedding.linear_2"
    yield "input_blocks.0.0", "conv_in"
    yield "out.0", "conv_norm_out"
    yield "out.2", "conv_out"
    yield from _unet_resnet("middle_block.0", "mid_block.resnets.0")
    yield "middle_block.1", "mid_block.attentions.0"
    yield from _unet_resnet("middle_block.2", "mid_block.resnets.1")
    for level in range(LEVELS):
        for layer in range(LAYERS):
            block = 3 * level + layer + 1
            yield from _unet_resnet(f"input_blocks.{block}.0", f"down_blocks.{level}.resnets.{layer}")
            yield f"input_blocks.{block}.1", f"down_blocks.{level}.attentions.{layer}"
        yield f"input_blocks.{3 * level + 3}.0.op", f"down_blocks.{level}.downsamplers.0.conv"
        for layer in range(LAYERS + 1):
            block = 3 * level + layer
            yield from _unet_resnet(f"output_blocks.{block}.0", f"up_blocks.{level}.resnets.{layer}")
            yield f"output_blocks.{block}.1", f"up_blocks.{level}.attentions.{layer}"
        # The lowest level has no attention, so its upsampler stands one place earlier.
        yield f"output_blocks.{3 * level + 2}.{1 if level == 0 else 2}.conv", f"up_blocks.{level}.upsamplers.0.conv"


def _vae_modules() -> Iterator[tuple[str, str]]:
    """(original, diffusers) paths. Decoder levels count from the picture there, from the latent here."""
    for half in ("encoder", "decoder"):
        yield f"{half}.mid.block_1", f"{half}.mid_block.resnets.0"
        yield f"{half}.mid.block_2", f"{half}.mid_block.resnets.1"
        for theirs, ours in VAE_ATTENTION.items():
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


TABLES: dict[str, dict[str, str]] = {"unet": dict(_unet_modules()), "vae": dict(_vae_modules()), "text_encoder": {}}
INVERSE = {part: {ours: theirs for theirs, ours in table.items()} for part, table in TABLES.items()}
for _half in ("encoder", "decoder"):
    for _old, _new in OLD_VAE_ATTENTION.items():
        TABLES["vae"][f"{_half}.mid_block.attentions.0.{_old}"] = f"{_half}.mid_block.attentions.0.{_new}"


def _rename(name: str, table: dict[str, str]) -> str:
    """`name` with its longest leading path that stands in `table` exchanged; unchanged where none does."""
    head, tail = name, ""
    while head:
        if head in table:
            return table[head] + tail
        head, dot, last = head.rpartition(".")
        tail = dot + last + tail
    return name


def to_diffusers(part: str, name: str) -> str:
    """Diffusers' name of the weight that the original layout calls `name` (without its file prefix)."""
    return _rename(name, TABLES[part])


def to_original(part: str, name: str) -> str:
    """The original layout's name (without its file prefix) of diffusers' weight `name`."""
    return _rename(name, INVERSE[part])


def module_name(part: str, name: str) -> str | None:
    """The module's name of a part's weight as any file may call it, without prefix; None for what is no weight."""
    plain = name.removeprefix("text_model.") if part == "text_encoder" else name
    return None if plain.startswith(NOT_WEIGHTS) else to_diffusers(part, plain)


def split_file_name(name: str) -> tuple[str, str] | None:
    """(part, rest of the name) of a tensor in a whole checkpoint; None where it belongs to no part."""
    for part, prefix in FILE_PREFIXES.items():
        start = prefix.removesuffix("text_model.")  # some files lack this step
        if name.startswith(start):
            return part, name.removeprefix(start)
    return None


def is_vae_attention_matrix(name: str) -> bool:
    """Whether diffusers' VAE weight `name` is a matrix that the original layout stores as a 1x1 convolution."""
    owner, _, kind = name.rpartition(".")
    return kind == "weight" and ".attentions.0." in name and not owner.endswith("group_norm")

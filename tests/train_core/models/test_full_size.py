"""Full-size SD 2.1 and SDXL, without memory behind them: their layouts, their measures, and their adapters' layers."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

from tests.adapters import lora_layers
from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.models.files.stored import Stored, in_memory
from train_core.models.kinds.sd2 import SD2
from train_core.models.kinds.sdxl import SDXL
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.models.parts import build_part

FAMILIES: dict[str, type[StableDiffusion]] = {"sd2": SD2, "sdxl": SDXL}
VAE = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
UNETS = {
    "sd2": {"attention_head_dim": (5, 10, 20, 20), "cross_attention_dim": 1024, "use_linear_projection": True},
    "sdxl": {
        "block_out_channels": (320, 640, 1280), "attention_head_dim": (5, 10, 20), "cross_attention_dim": 2048,
        "use_linear_projection": True, "transformer_layers_per_block": (1, 2, 10),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}  # fmt: skip


def text_config(width: int, layers: int, projection: int, inner: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=width // 64, intermediate_size=inner,
        projection_dim=projection, vocab_size=49408,
    )  # fmt: skip


@cache
def full_size(kind: str) -> StableDiffusion:
    with torch.device("meta"):
        modules: dict[str, nn.Module] = {"unet": UNet2DConditionModel(**UNETS[kind]), "vae": AutoencoderKL(**VAE)}
        if kind == "sd2":
            modules["text_encoder"] = CLIPTextModel(text_config(1024, 23, 512, 4096))
        else:
            modules["text_encoder"] = CLIPTextModel(text_config(768, 12, 768, 3072))
            modules["text_encoder_2"] = CLIPTextModelWithProjection(text_config(1280, 32, 1280, 5120))
    return FAMILIES[kind](modules, clip_tokenizer())


def original(kind: str, part: str) -> dict[str, Stored]:
    return FAMILIES[kind].parts[part].write(in_memory(full_size(kind).modules[part].state_dict()))


def counts(kind: str) -> Counter:
    return Counter(target.part for target in lora_layers(full_size(kind).targets(), convolutions=True))


# As published: parameters of each part, and tensors in the files without index buffers and the scale of CLIP's loss.
SIZES = [
    ("sd2", "unet", 865_910_724, 686), ("sd2", "text_encoder", 340_387_840, 24 * 12 + 4),
    ("sdxl", "unet", 2_567_463_684, 1680), ("sdxl", "text_encoder", 123_060_480, 196),
    ("sdxl", "text_encoder_2", 694_659_840, 32 * 12 + 5), ("sdxl", "vae", 83_653_863, 248),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "part", "parameters", "tensors"), SIZES)
def test_parts_have_the_published_sizes(kind, part, parameters, tensors):
    assert sum(p.numel() for p in full_size(kind).modules[part].parameters()) == parameters
    assert len(original(kind, part)) == tensors


@pytest.mark.parametrize(("kind", "part"), [(kind, part) for kind, part, _, _ in SIZES])
def test_a_file_of_this_layout_is_read_to_the_same_module(kind, part, tmp_path):
    definition = FAMILIES[kind].parts[part]
    module = build_part(definition, definition.read(original(kind, part)), tmp_path)
    expected = full_size(kind).modules[part].state_dict()
    assert {name: t.shape for name, t in module.state_dict().items()} == {n: t.shape for n, t in expected.items()}


@pytest.mark.parametrize(
    ("kind", "part", "name", "shape"),
    [
        ("sd2", "text_encoder", "positional_embedding", (77, 1024)),
        ("sd2", "text_encoder", "transformer.resblocks.22.attn.in_proj_weight", (3072, 1024)),
        ("sd2", "text_encoder", "transformer.resblocks.23.mlp.c_fc.bias", (4096,)),
        ("sd2", "unet", "input_blocks.1.1.proj_in.weight", (320, 320)),
        ("sdxl", "unet", "label_emb.0.0.weight", (1280, 2816)),
        ("sdxl", "unet", "input_blocks.4.1.transformer_blocks.1.attn2.to_k.weight", (640, 2048)),
        ("sdxl", "unet", "middle_block.1.transformer_blocks.9.ff.net.2.weight", (1280, 5120)),
        ("sdxl", "unet", "output_blocks.2.2.conv.weight", (1280, 1280, 3, 3)),
        ("sdxl", "unet", "output_blocks.5.2.conv.weight", (640, 640, 3, 3)),
        ("sdxl", "unet", "output_blocks.8.0.skip_connection.weight", (320, 640, 1, 1)),
        ("sdxl", "text_encoder_2", "text_projection", (1280, 1280)),
        ("sdxl", "text_encoder_2", "transformer.resblocks.31.attn.out_proj.weight", (1280, 1280)),
        ("sdxl", "text_encoder_2", "ln_final.weight", (1280,)),
        ("sdxl", "vae", "encoder.mid.attn_1.q.weight", (512, 512, 1, 1)),
    ],
)
def test_well_known_tensors_have_their_names_and_shapes(kind, part, name, shape):
    assert tuple(original(kind, part)[name].shape) == shape


def test_sdxl_has_722_unet_layers_without_and_788_with_convolutions_and_72_and_192_text_layers():
    targets = full_size("sdxl").targets()
    assert counts("sdxl") == {"unet": 788, "text_encoder": 72, "text_encoder_2": 192}
    assert sum(target.part == "unet" for target in lora_layers(targets)) == 722
    unet = [target for target in lora_layers(targets, convolutions=True) if target.part == "unet"]
    shapes = Counter(
        "linear" if isinstance(target.module, nn.Linear) else "3x3" if target.is_wide_conv else "1x1" for target in unet
    )
    assert shapes == {"linear": 739, "1x1": 11, "3x3": 38}


def test_sd2_has_192_unet_layers_without_and_278_with_convolutions_and_138_text_layers():
    targets = full_size("sd2").targets()
    assert counts("sd2") == {"unet": 278, "text_encoder": 6 * 23}
    assert sum(target.part == "unet" for target in lora_layers(targets)) == 192


@pytest.mark.parametrize(("kind", "millions"), [("sd2", 6.85), ("sdxl", 28.5)])
def test_a_rank_8_lora_without_convolutions_has_the_parameters_that_other_software_gives_it(kind, millions):
    sizes = [target.module.weight.shape[:2] for target in lora_layers(full_size(kind).targets())]
    assert sum(8 * (out_size + in_size) for out_size, in_size in sizes) == pytest.approx(millions * 1e6, rel=2e-3)


def test_sdxl_names_are_those_of_the_ecosystem():
    names = [target.file_key for target in full_size("sdxl").targets()]
    assert len(set(names)) == len(names)
    assert {
        "lora_unet_input_blocks_4_1_proj_in",
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
        "lora_unet_input_blocks_8_1_transformer_blocks_9_ff_net_0_proj",
        "lora_unet_middle_block_1_transformer_blocks_9_attn2_to_out_0",
        "lora_unet_output_blocks_0_1_transformer_blocks_0_attn1_to_q",
        "lora_unet_output_blocks_5_1_proj_out",
        "lora_unet_input_blocks_1_0_in_layers_2",
        "lora_unet_input_blocks_1_0_emb_layers_1",
        "lora_unet_output_blocks_8_0_skip_connection",
        "lora_unet_input_blocks_3_0_op",
        "lora_unet_output_blocks_2_2_conv",
        "lora_te1_text_model_encoder_layers_11_self_attn_q_proj",
        "lora_te2_text_model_encoder_layers_31_mlp_fc2",
    } <= set(names)


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("lora_unet_input_blocks_1_0_in_layers_2", 2),
        ("lora_unet_input_blocks_3_0_op", 4),
        ("lora_unet_input_blocks_8_1_proj_in", 9),
        ("lora_unet_middle_block_0_in_layers_2", 10),
        ("lora_unet_middle_block_1_proj_in", 11),
        ("lora_unet_middle_block_2_out_layers_3", 12),
        ("lora_unet_output_blocks_0_1_proj_in", 13),
        ("lora_unet_output_blocks_5_2_conv", 18),
        ("lora_unet_output_blocks_8_0_in_layers_2", 21),
    ],
)
def test_sdxl_blocks_are_numbered_as_per_block_settings_count_them(name, block):
    assert {target.file_key: target.block for target in full_size("sdxl").targets()}[name] == block


def test_every_sdxl_block_with_layers_has_a_number_of_its_own():
    targets = full_size("sdxl").targets()
    adapted = {target.block for target in lora_layers(targets, convolutions=True) if target.part == "unet"}
    assert adapted == set(range(2, 22))  # 0 is the embedding, 1 the first convolution, 22 the last
    ends = {target.file_key: target.block for target in targets if target.block in {0, 1, 22}}
    assert ends["lora_unet_time_embed_0"] == 0
    assert ends["lora_unet_input_blocks_0_0"] == 1
    assert ends["lora_unet_out_2"] == 22

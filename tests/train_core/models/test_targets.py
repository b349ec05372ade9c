"""Adapters sit on the layers, and under the names, that other software expects; counted on full-size models."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from tests.adapters import lora_layers
from train_core.models.targets import text_encoder_targets, unet_targets


@pytest.fixture(scope="module")
def unet():
    with torch.device("meta"):
        return list(unet_targets(UNet2DConditionModel(cross_attention_dim=768)))


@pytest.fixture(scope="module")
def text_encoder():
    config = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
    with torch.device("meta"):
        return list(text_encoder_targets(CLIPTextModel(config)))


def kinds(targets):
    return Counter(
        "linear" if isinstance(target.module, nn.Linear) else "3x3" if target.is_wide_conv else "1x1"
        for target in targets
    )


def test_sd15_has_192_unet_layers_without_and_278_with_convolutions(unet):
    assert kinds(lora_layers(unet)) == {"linear": 160, "1x1": 32}
    assert kinds(lora_layers(unet, convolutions=True)) == {"linear": 182, "1x1": 46, "3x3": 50}


def test_sd15_has_72_text_encoder_layers(text_encoder):
    assert kinds(lora_layers(text_encoder)) == {"linear": 72}


def test_a_rank_8_lora_without_convolutions_has_4_72_million_parameters(unet, text_encoder):
    def parameters(module):
        out_size, in_size = module.weight.shape[:2]
        return 8 * (out_size + in_size)

    plain = lora_layers([*unet, *text_encoder])
    assert sum(parameters(target.module) for target in plain) == pytest.approx(4.72e6, rel=2e-3)


def test_names_are_unique_and_those_of_the_ecosystem(unet, text_encoder):
    names = [target.file_key for target in [*unet, *text_encoder]]
    assert len(set(names)) == len(names)
    assert {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k",
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_0_proj",
        "lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_ff_net_2",
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_out_0",
        "lora_unet_mid_block_attentions_0_proj_in",
        "lora_unet_mid_block_resnets_1_time_emb_proj",
        "lora_unet_down_blocks_1_resnets_0_conv_shortcut",
        "lora_unet_down_blocks_0_downsamplers_0_conv",
        "lora_unet_up_blocks_0_upsamplers_0_conv",
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
        "lora_te_text_model_encoder_layers_11_self_attn_out_proj",
        "lora_te_text_model_encoder_layers_11_mlp_fc2",
    } <= set(names)


def test_outer_convolutions_time_embedding_and_norms_are_left_alone(unet, text_encoder):
    names = " ".join(target.file_key for target in lora_layers([*unet, *text_encoder], convolutions=True))
    assert not any(part in names for part in ("conv_in", "conv_out", "time_embedding", "norm", "token_embedding"))


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("lora_unet_down_blocks_0_resnets_0_conv1", 1),
        ("lora_unet_down_blocks_0_attentions_1_proj_in", 2),
        ("lora_unet_down_blocks_0_downsamplers_0_conv", 3),
        ("lora_unet_down_blocks_3_resnets_1_conv2", 11),
        ("lora_unet_mid_block_attentions_0_proj_in", 12),
        ("lora_unet_mid_block_resnets_1_conv1", 12),
        ("lora_unet_up_blocks_0_resnets_0_conv1", 13),
        ("lora_unet_up_blocks_0_upsamplers_0_conv", 15),
        ("lora_unet_up_blocks_1_attentions_0_proj_out", 16),
        ("lora_unet_up_blocks_3_attentions_2_proj_out", 24),
    ],
)
def test_blocks_are_numbered_as_per_block_settings_count_them(unet, name, block):
    assert {target.file_key: target.block for target in unet}[name] == block


def test_text_encoder_blocks_are_its_layers(text_encoder):
    assert Counter(target.block for target in lora_layers(text_encoder)) == dict.fromkeys(range(12), 6)

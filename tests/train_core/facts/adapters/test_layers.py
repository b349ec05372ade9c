"""The table of layers, held against the modules themselves: full-size ones without memory, and tiny ones in files."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from tests.tiny import tiny_file
from tests.tiny_families import file_of
from tests.train_core.models.test_full_size import full_size
from train_core.facts.adapters.layers import Layer, layers_of, measures_of, usual_measures
from train_core.facts.models.headers import recognise
from train_core.facts.models.model_files import base_files
from train_core.facts.models.tensor_info import TensorInfo
from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.models.family import Target
from train_core.models.kinds.sd1 import SD1
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.models.load import open_model


@cache
def family(kind: str) -> StableDiffusion:
    """A full-size model without memory behind it."""
    if kind != "SD 1.x":
        return full_size({"SD 2.x": "sd2", "SDXL": "sdxl"}[kind])
    with torch.device("meta"):
        text = CLIPTextConfig(
            hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=49408,
        )  # fmt: skip
        modules = {"unet": UNet2DConditionModel(cross_attention_dim=768), "text_encoder": CLIPTextModel(text)}
    return SD1(modules, clip_tokenizer())


def described(one: Layer | Target) -> tuple:
    """Everything that the choice of layers looks at. Classes around a text encoder's stack differ with transformers'
    version, and the projections around attention are matrices in some kinds."""
    shape = tuple(one.shape if isinstance(one, Layer) else one.module.weight.shape)
    bias = one.has_bias if isinstance(one, Layer) else one.module.bias is not None
    owners = one.owners if one.in_denoiser else one.owners[one.owners.index("CLIPEncoder"):]
    if one.path.endswith(("proj_in", "proj_out")):
        shape, owners = shape[:2], owners[:-1]
    return (
        one.part, one.path, one.others, owners, one.block, shape, bias, one.is_norm, one.is_wide_conv, one.in_denoiser
    )


@pytest.mark.parametrize("kind", ["SD 1.x", "SD 2.x", "SDXL"])
def test_the_table_has_every_layer_of_a_full_size_model(kind):
    found = sorted(described(layer) for layer in layers_of(usual_measures(kind)))
    assert found == sorted(described(target) for target in family(kind).targets())


@pytest.mark.parametrize("path", [tiny_file, lambda: file_of("sd2"), lambda: file_of("sdxl")])
def test_the_sizes_of_a_file_are_read_from_its_header(path):
    found = recognise(path())
    loaded = open_model(base_files(str(path()))).family
    table = layers_of(measures_of(found.family, found.header.tensors))
    assert sorted(map(described, table)) == sorted(map(described, loaded.targets()))


def test_a_file_with_other_names_has_the_usual_sizes():
    assert measures_of("SDXL", {"strange.weight": TensorInfo((3, 3))}) == usual_measures("SDXL")

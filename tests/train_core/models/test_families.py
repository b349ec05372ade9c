"""SD 2.x and SDXL load from every form to the same weights, are written back whole, and say what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.tiny_families import FAMILIES, SD2_LAYERS, file_of, folder_of, modules_of, spare_of, tensors_of
from train_core.config.problems import UserError
from train_core.config.sections.model import ModelSettings
from train_core.facts.models.headers import recognise
from train_core.models.load import load_family

KINDS = ["sd2", "sdxl"]
PIPELINES = {"sd2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
SPARE_LAYER = f"cond_stage_model.model.transformer.resblocks.{SD2_LAYERS}."


def load(path: Path, dtype: torch.dtype = torch.float32, **settings):
    settings = {"v_parameterization": "epsilon", **settings}
    return load_family(ModelSettings(pretrained_model_name_or_path=str(path), **settings), dtype)


def assert_holds(modules, kind: str) -> None:
    """`modules` hold exactly the tiny model's weights."""
    for part, module in modules_of(kind).items():
        expected, found = module.state_dict(), modules[part].state_dict()
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected), part


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [file_of, folder_of])
def test_file_and_folder_give_the_same_weights(kind, form):
    family = load(form(kind))
    assert family.kind.code == kind
    assert set(family.modules) == set(FAMILIES[kind].parts)
    assert_holds(family.modules, kind)
    assert not any(parameter.requires_grad for module in family.modules.values() for parameter in module.parameters())
    assert not any(t.is_meta for module in family.modules.values() for t in [*module.parameters(), *module.buffers()])


@pytest.mark.parametrize("kind", KINDS)
def test_measures_taken_from_tensors_are_those_of_the_folders_configs(kind):
    measured, configured = load(file_of(kind)).modules, load(folder_of(kind)).modules
    for part in FAMILIES[kind].parts:
        assert type(measured[part]) is type(configured[part])
    names = ["attention_head_dim", "down_block_types", "up_block_types", "use_linear_projection"]
    names += ["norm_num_groups", "cross_attention_dim", "addition_embed_type", "addition_time_embed_dim"]
    for name in names:
        assert _plain(measured["unet"].config[name]) == _plain(configured["unet"].config[name]), name
    for part in set(measured) - {"unet", "vae"}:
        for name in ("hidden_act", "num_attention_heads", "projection_dim", "num_hidden_layers", "intermediate_size"):
            assert getattr(measured[part].config, name) == getattr(configured[part].config, name)


def _plain(value):
    return list(value) if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("kind", KINDS)
def test_diffusers_reads_our_file_as_the_same_model(kind, tmp_path):
    path = tmp_path / "saved.safetensors"
    load(file_of(kind)).save_model(path, torch.float32)
    pipeline = PIPELINES[kind].from_single_file(
        str(path), config=str(folder_of(kind)), local_files_only=True, torch_dtype=torch.float32
    )
    assert_holds({part: getattr(pipeline, part) for part in FAMILIES[kind].parts}, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_written_back_tensor_for_tensor_with_what_no_module_uses(kind, tmp_path):
    path = tmp_path / "saved.safetensors"
    load(file_of(kind)).save_model(path, torch.float32)
    written, original = load_file(path), load_file(file_of(kind))
    assert written.keys() == original.keys()
    assert all(torch.equal(written[name], original[name]) for name in original)
    assert any(name.endswith("logit_scale") for name in written)


def test_a_model_from_a_folder_is_written_with_a_stand_in_for_the_layer_that_is_never_used(tmp_path):
    path = tmp_path / "saved.safetensors"
    load(folder_of("sd2")).save_model(path, torch.float32)
    written = load_file(path)
    assert sum(name.startswith(SPARE_LAYER) for name in written) == 12
    assert_holds(load(path).modules, "sd2")


def test_the_spare_layer_is_not_loaded_and_may_be_anything():
    assert any("resblocks.23." in name for name in spare_of("sd2")["text_encoder"])
    assert load(file_of("sd2")).modules["text_encoder"].config.num_hidden_layers == SD2_LAYERS


@pytest.mark.parametrize(
    ("kind", "prediction", "architecture"),
    [
        ("sd2", "epsilon", "stable-diffusion-v2-512"),
        ("sd2", "v", "stable-diffusion-v2-768-v"),
        ("sdxl", "epsilon", "stable-diffusion-xl-v1-base"),
    ],
)
def test_a_saved_model_says_what_it_is(kind, prediction, architecture, tmp_path):
    path = tmp_path / "saved.safetensors"
    load(file_of(kind), v_parameterization=prediction).save_model(path, torch.float16)
    with safe_open(path, "pt") as file:
        assert file.metadata()["modelspec.architecture"] == architecture
    assert recognise(path).prediction_type == {"epsilon": "epsilon", "v": "v_prediction"}[prediction]


@pytest.mark.parametrize(
    ("kind", "prediction", "version", "v2"),
    [
        ("sd2", "epsilon", "sd_v2", True),
        ("sd2", "v", "sd_v2_v", True),
        ("sdxl", "epsilon", "sdxl_base_v1-0", False),
        ("sdxl", "v", "sdxl_base_v1-0", False),
    ],
)
def test_families_have_the_names_that_other_software_knows(kind, prediction, version, v2):
    names = load(file_of(kind), v_parameterization=prediction).names
    assert (names.version, names.v2) == (version, v2)


def test_a_missing_second_encoder_is_named(tmp_path):
    tensors = {name: t for name, t in tensors_of("sdxl").items() if not name.startswith("conditioner.embedders.1")}
    save_file(tensors, tmp_path / "m.safetensors")
    with pytest.raises(UserError, match="has no second text encoder"):
        load(tmp_path / "m.safetensors")


def test_a_torn_layer_of_the_second_encoder_is_named(tmp_path):
    tensors = tensors_of("sdxl")
    del tensors["conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_bias"]
    save_file(tensors, tmp_path / "m.safetensors")
    with pytest.raises(UserError, match=r"second text encoder's weights .*3 missing"):
        load(tmp_path / "m.safetensors")


def test_an_sdxl_model_refuses_the_vae_of_an_sd2_model():
    with pytest.raises(UserError, match="does not fit an SDXL model"):
        load(file_of("sdxl"), vae=str(file_of("sd2")))


def test_latents_are_scaled_as_each_family_was_trained():
    pixels = torch.rand(1, 3, 32, 32) * 2 - 1
    for kind, scale in (("sd2", 0.18215), ("sdxl", 0.13025)):
        family = load(file_of(kind))
        assert family.kind.latents.scale == scale == modules_of(kind)["vae"].config.scaling_factor
        mean = family.encode_images(pixels).mean
        expected = modules_of(kind)["vae"].decode(mean).sample
        torch.testing.assert_close(family.decode(mean * scale), expected, atol=1e-5, rtol=1e-4)

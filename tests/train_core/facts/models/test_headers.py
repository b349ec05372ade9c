"""Models are recognised by what their header says, and what cannot be trained on is refused by its name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from tests.tiny import tiny_ckpt, tiny_file, tiny_folder
from train_core.config.problems import UserError
from train_core.facts.models.headers import ModelFile, identify, recognise, recognise_vae

CONV_IN = "model.diffusion_model.input_blocks.0.0.weight"
SD1 = {CONV_IN: (32, 4, 3, 3), "cond_stage_model.transformer.text_model.final_layer_norm.weight": (64,)}
VAE = {"first_stage_model.decoder.conv_in.weight": (32, 4, 3, 3)}


def write(path: Path, shapes: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> Path:
    """A safetensors file at `path` with zeros of these shapes."""
    save_file({name: np.zeros(shape, np.float16) for name, shape in shapes.items()}, path, metadata)
    return path


@pytest.mark.parametrize("make", [tiny_file, tiny_ckpt, tiny_folder])
def test_sd1_is_recognised_in_every_form(make):
    assert recognise(make()).kind == "SD 1.x"


SD2 = {CONV_IN: (32, 4, 3, 3), "cond_stage_model.model.ln_final.weight": (8,)}
SDXL = {CONV_IN: (32, 4, 3, 3), "conditioner.embedders.1.model.ln_final.weight": (8,)}


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [
        ("SD 1.x", SD1),
        ("SD 2.x", SD2),
        ("SDXL", SDXL),
        ("SDXL", {CONV_IN: (32, 4, 3, 3), "model.diffusion_model.label_emb.0.0.weight": (8, 8)}),
    ],
)
def test_base_models_are_recognised_by_their_tensors(tmp_path, kind, shapes):
    assert recognise(write(tmp_path / "model.safetensors", shapes)).kind == kind
    inpainting = recognise(write(tmp_path / "inpainting.safetensors", shapes | {CONV_IN: (32, 9, 3, 3)}))
    assert (inpainting.kind, inpainting.family) == (f"{kind} inpainting", kind)


KINDS = [
    ("SDXL refiner", {CONV_IN: (32, 4, 3, 3), "conditioner.embedders.0.model.ln_final.weight": (8,)}),
    ("SD 2.x depth", SD2 | {CONV_IN: (32, 5, 3, 3)}),
    ("SD 2.x unCLIP", SD2 | {"embedder.model.visual.proj": (8,), "model.diffusion_model.label_emb.0.0.weight": (8, 8)}),
    ("SD 3", {"model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight": (8, 8)}),
    ("FLUX", {"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": (8, 8)}),
    ("FLUX", {"double_blocks.0.img_attn.qkv.weight": (8, 8)}),
    ("LoRA", {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": (4, 8)}),
    ("LoRA", {"lora_unet_mid_block_attentions_0_proj_in.hada_w1_a": (4, 8)}),
    ("ControlNet", {"control_model.input_hint_block.0.weight": (8,)}),
    ("U-Net", {CONV_IN: (32, 4, 3, 3)}),
    ("text encoder", {"cond_stage_model.transformer.text_model.final_layer_norm.weight": (64,)}),
    ("VAE", VAE),
    ("VAE", {"decoder.conv_in.weight": (32, 4, 3, 3)}),
    ("embedding", {"emb_params": (2, 64)}),
    ("SD 1.x instruct-pix2pix", SD1 | {CONV_IN: (32, 8, 3, 3)}),
    ("", {"something.weight": (3,)}),
]


@pytest.mark.parametrize(("kind", "shapes"), KINDS)
def test_other_kinds_are_told_apart_and_refused_by_name(tmp_path, kind, shapes):
    path = write(tmp_path / "model.safetensors", shapes)
    assert identify(path).kind == kind
    with pytest.raises(UserError) as refused:
        recognise(path)
    assert len(refused.value.problems) == 1
    assert kind in str(refused.value)
    assert str(path) in str(refused.value)


def test_an_embedding_of_the_first_web_uis_is_called_one(tmp_path):
    saved = {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": {"*": torch.zeros(2, 768)}, "name": "me"}
    torch.save(saved, tmp_path / "me.pt")
    with pytest.raises(UserError, match=r"only one part \(embedding\)"):
        recognise(tmp_path / "me.pt")


def test_an_sdxl_refiner_is_called_so(tmp_path):
    path = write(tmp_path / "model.safetensors", KINDS[0][1])
    with pytest.raises(UserError, match="this is an SDXL refiner checkpoint"):
        recognise(path)


def test_v_prediction_is_read_from_metadata_and_from_the_marker_tensor(tmp_path):
    said = write(tmp_path / "said.safetensors", SD1, {"modelspec.prediction_type": "v"})
    marked = write(tmp_path / "marked.safetensors", SD1 | {"v_pred": (0,)})
    assert recognise(said).prediction_type == recognise(marked).prediction_type == "v_prediction"
    noise = write(tmp_path / "noise.safetensors", SD1, {"modelspec.prediction_type": "epsilon"})
    assert recognise(noise).prediction_type == "epsilon"


def test_a_schedule_that_ends_in_noise_is_read_from_its_marker_and_the_scheduler(tmp_path):
    marked = write(tmp_path / "marked.safetensors", SD1 | {"v_pred": (0,), "ztsnr": (0,)})
    plain = write(tmp_path / "plain.safetensors", SD1)
    assert (recognise(marked).zero_terminal_snr, recognise(plain).zero_terminal_snr) == (True, False)
    folder = tmp_path / "folder"
    for name, config in (("unet", {"in_channels": 4}), ("scheduler", {"rescale_betas_zero_snr": True})):
        (folder / name).mkdir(parents=True)
        file = "config.json" if name == "unet" else "scheduler_config.json"
        (folder / name / file).write_text(json.dumps(config), encoding="utf-8")
    assert recognise(folder).zero_terminal_snr


@pytest.mark.parametrize(
    ("family", "said", "wanted", "predicts"),
    [
        ("SD 1.x", None, "auto", "epsilon"), ("SD 2.x", None, "auto", None), ("SDXL", None, "auto", "epsilon"),
        ("SDXL", "v_prediction", "auto", "v_prediction"), ("SD 2.x", "epsilon", "v", "v_prediction"),
        ("SD 2.x inpainting", None, "epsilon", "epsilon"), ("SD 2.x inpainting", None, "auto", None),
    ],
)
def test_what_a_model_predicts_is_told_before_it_is_loaded_unless_only_it_can_tell(family, said, wanted, predicts):
    assert ModelFile(Path("x"), family, "safetensors", said).predicts(wanted) == predicts


@pytest.mark.parametrize(
    ("line", "prediction"),
    [('parameterization: "v"', "v_prediction"), ("parameterization: eps", "epsilon"), ("", None)],
)
def test_prediction_is_read_from_the_config_beside_a_checkpoint(tmp_path, line, prediction):
    path = write(tmp_path / "v2.safetensors", SD2)
    path.with_suffix(".yaml").write_text(f"model:\n  params:\n    {line}\n    beta: 1\n", encoding="utf-8")
    assert recognise(path).prediction_type == prediction


def test_a_file_that_does_not_say_what_it_predicts_is_not_guessed_at(tmp_path):
    assert recognise(write(tmp_path / "v2.safetensors", SD2)).prediction_type is None


@pytest.mark.parametrize(
    ("unet", "kind"),
    [
        ({"in_channels": 4}, "SD 1.x"),
        ({"in_channels": 9}, "SD 1.x inpainting"),
        ({"use_linear_projection": True}, "SD 2.x"),
        ({"use_linear_projection": True, "in_channels": 9}, "SD 2.x inpainting"),
        ({"addition_embed_type": "text_time", "use_linear_projection": True}, "SDXL"),
    ],
)
def test_diffusers_folders_are_told_apart_by_their_unet(tmp_path, unet, kind):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text(json.dumps(unet), encoding="utf-8")
    assert identify(tmp_path).kind == kind


def test_a_pipeline_without_a_unet_is_told_by_its_index(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}', encoding="utf-8")
    with pytest.raises(UserError, match="this is a FLUX checkpoint"):
        recognise(tmp_path)


def test_a_folders_scheduler_says_the_prediction_type(tmp_path):
    for name, config in (("unet", {"in_channels": 4}), ("scheduler", {"prediction_type": "v_prediction"})):
        (tmp_path / name).mkdir()
        file = "config.json" if name == "unet" else "scheduler_config.json"
        (tmp_path / name / file).write_text(json.dumps(config), encoding="utf-8")
    assert recognise(tmp_path).prediction_type == "v_prediction"


def test_a_folder_of_checkpoints_names_one_to_choose(tmp_path):
    write(tmp_path / "dreamy.safetensors", SD1)
    with pytest.raises(UserError, match=r"dreamy\.safetensors"):
        recognise(tmp_path)


def test_an_empty_folder_and_a_damaged_config_are_said_to_be_so(tmp_path):
    with pytest.raises(UserError, match="not a diffusers model"):
        recognise(tmp_path)
    (tmp_path / "model_index.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"model_index\.json is damaged"):
        recognise(tmp_path)


def test_a_vae_may_be_a_file_a_folder_or_part_of_a_model(tmp_path):
    own = write(tmp_path / "vae.safetensors", VAE)
    assert recognise_vae(own).kind == recognise_vae(tiny_folder() / "vae").kind == "VAE"
    assert recognise_vae(tiny_file()).kind == recognise_vae(tiny_folder()).kind == "SD 1.x"
    with pytest.raises(UserError, match="contains no VAE"):
        recognise_vae(write(tmp_path / "lora.safetensors", {"lora_unet_x.lora_down.weight": (4, 8)}))


@pytest.mark.parametrize(("shapes", "family"), [(SDXL, "SD 1.x"), (SDXL, "SD 2.x"), (SD1, "SDXL"), (SD2, "SDXL")])
def test_a_vae_of_other_latents_is_refused(tmp_path, shapes, family):
    path = write(tmp_path / "model.safetensors", shapes)
    with pytest.raises(UserError, match=f"does not fit an {family} model"):
        recognise_vae(path, family)
    assert recognise_vae(path).kind


def test_sd1_and_sd2_may_share_a_vae(tmp_path):
    assert recognise_vae(write(tmp_path / "model.safetensors", SD1), "SD 2.x").kind == "SD 1.x"

"""A model loads to the same weights whatever form it is in, and what is missing or foreign is said in one error."""

from __future__ import annotations

import shutil
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import original_state_dict, tiny_ckpt, tiny_file, tiny_folder, tiny_modules
from train_core.config.problems import UserError
from train_core.config.sections.model import ModelSettings
from train_core.facts.models.hub import remember
from train_core.models.load import load_family

TEXT = "cond_stage_model.transformer."
VAE = "first_stage_model."


def load(path: Path | str, vae: Path | str = "", dtype: torch.dtype = torch.float32):
    return load_family(ModelSettings(pretrained_model_name_or_path=str(path), vae=str(vae)), dtype)


def assert_tiny(family) -> None:
    """`family` holds exactly the tiny model's weights."""
    for part, module in tiny_modules().items():
        expected, found = module.state_dict(), family.modules[part].state_dict()
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)


def problem_of(path: Path, vae: Path | str = "") -> str:
    with pytest.raises(UserError) as refused:
        load(path, vae)
    (only,) = refused.value.problems
    return f"{only.code}: {only.text}"


def save(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, path)
    return path


@pytest.mark.parametrize("make", [tiny_file, tiny_ckpt, tiny_folder])
def test_every_form_gives_the_same_weights(make):
    assert_tiny(load(make()))


def test_a_hub_id_that_was_chosen_once_loads_its_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    remember("runwayml/stable-diffusion-v1-5", tiny_file())
    assert_tiny(load("stable-diffusion-v1-5/stable-diffusion-v1-5"))


def test_weights_are_frozen_and_in_the_asked_format_and_the_vae_stays_exact():
    family = load(tiny_file(), dtype=torch.bfloat16)
    assert {part: module.dtype for part, module in family.modules.items()} == {
        "unet": torch.bfloat16,
        "text_encoder": torch.bfloat16,
        "vae": torch.float32,
    }
    assert not any(parameter.requires_grad for module in family.modules.values() for parameter in module.parameters())
    assert not any(
        tensor.is_meta for module in family.modules.values() for tensor in [*module.parameters(), *module.buffers()]
    )


def test_a_model_in_half_precision_loads_to_its_rounded_weights(tmp_path):
    family = load(save(tmp_path / "half.safetensors", original_state_dict(torch.float16)))
    name = "mid_block.attentions.0.proj_in.weight"
    expected = tiny_modules()["unet"].state_dict()[name].half().float()
    assert torch.equal(family.modules["unet"].state_dict()[name], expected)


def test_names_of_other_software_around_the_weights_do_no_harm(tmp_path):
    tensors = original_state_dict()
    tensors[TEXT + "text_model.embeddings.position_ids"] = torch.arange(77)[None]
    tensors["model_ema.diffusion_modeltime_embed0weight"] = torch.zeros(3)
    tensors["model_ema.decay"] = torch.zeros(())
    tensors["alphas_cumprod"] = torch.zeros(1000)
    assert_tiny(load(save(tmp_path / "m.safetensors", tensors)))


def test_text_encoders_without_the_text_model_step_load(tmp_path):
    tensors = {name.replace(TEXT + "text_model.", TEXT): value for name, value in original_state_dict().items()}
    assert_tiny(load(save(tmp_path / "m.safetensors", tensors)))


def test_a_checkpoint_with_a_training_frameworks_leftovers_loads(tmp_path, monkeypatch):
    framework = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    leftover = type("ModelCheckpoint", (), {"__module__": framework.__name__})
    framework.ModelCheckpoint = leftover
    with monkeypatch.context() as present:
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", framework.__name__):
            present.setitem(sys.modules, name, framework)
        state = {"state_dict": original_state_dict(), "callbacks": {leftover: {"best": 1.0}}, "hook": leftover()}
        torch.save(state, tmp_path / "m.ckpt")
    assert_tiny(load(tmp_path / "m.ckpt"))


def test_a_folder_of_pickled_half_precision_variants_loads(tmp_path):
    shutil.copytree(tiny_folder(), tmp_path / "m")
    for part in ("unet", "vae", "text_encoder"):
        (file,) = (tmp_path / "m" / part).glob("*.safetensors")
        torch.save(load_file(file), file.with_suffix(".fp16.bin" if part == "unet" else ".bin"))
        file.unlink()
    assert_tiny(load(tmp_path / "m"))


def test_a_folder_without_weights_says_where_they_are_missing(tmp_path):
    shutil.copytree(tiny_folder(), tmp_path / "m")
    (tmp_path / "m" / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    found = problem_of(tmp_path / "m")
    assert found.startswith("model_folder_without_weights")
    assert str(tmp_path / "m" / "vae") in found


@pytest.mark.parametrize("form", ["bare", "prefixed", "model", "folder", "model folder", "old folder names"])
def test_another_vae_replaces_the_models_own_in_every_form(tmp_path, form):
    other = {name: value + 0.25 for name, value in original_state_dict().items() if name.startswith(VAE)}
    expected = tiny_modules()["vae"].state_dict()["decoder.mid_block.attentions.0.to_out.0.weight"] + 0.25
    if "folder" in form:
        folder = tmp_path / "m" if form == "model folder" else tmp_path / "m" / "vae"
        shutil.copytree(tiny_folder(), tmp_path / "m")
        weights = tmp_path / "m" / "vae" / "diffusion_pytorch_model.safetensors"
        named = {name: value + 0.25 for name, value in load_file(weights).items()}
        if form == "old folder names":
            named = {
                name.replace("to_out.0", "proj_attn").replace("to_q", "query"): value for name, value in named.items()
            }
        save(weights, named)
        path = folder
    elif form == "bare":
        path = save(tmp_path / "vae.safetensors", {name.removeprefix(VAE): value for name, value in other.items()})
    else:
        path = save(tmp_path / "m.safetensors", (original_state_dict() if form == "model" else {}) | other)
    family = load(tiny_file(), vae=path)
    assert torch.equal(family.modules["vae"].state_dict()["decoder.mid_block.attentions.0.to_out.0.weight"], expected)
    assert family.vae_fingerprint() != load(tiny_file()).vae_fingerprint()


def test_a_model_without_a_vae_asks_for_one_and_takes_it(tmp_path):
    tensors = {name: value for name, value in original_state_dict().items() if not name.startswith(VAE)}
    path = save(tmp_path / "novae.safetensors", tensors)
    assert problem_of(path).startswith("model_part_missing: ")
    assert_tiny(load(path, vae=tiny_file()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("model.diffusion_model.out.2.bias"), "1 missing, for example conv_out.bias"),
        (lambda t: t.pop("model.diffusion_model.input_blocks.1.0.in_layers.2.weight"), "conv1.weight is missing"),
        (
            lambda t: t.update({"model.diffusion_model.extra.weight": torch.zeros(2)}),
            "1 unknown, for example extra.weight",
        ),
        (lambda t: t.update({"model.diffusion_model.out.2.bias": torch.zeros(9)}), "1 of another shape"),
        (lambda t: t.pop(TEXT + "text_model.encoder.layers.1.mlp.fc2.bias"), "text encoder"),
        (lambda t: t.pop(VAE + "quant_conv.bias"), "VAE"),
    ],
)
def test_weights_that_do_not_fit_are_one_clear_error(tmp_path, change, words):
    tensors = original_state_dict()
    change(tensors)
    found = problem_of(save(tmp_path / "m.safetensors", tensors))
    assert found.startswith("model_weights_unfit")
    assert words in found


def test_a_vae_that_is_none_is_refused(tmp_path):
    lora = save(tmp_path / "lora.safetensors", {"lora_unet_x.lora_down.weight": torch.zeros(4, 4)})
    assert problem_of(tiny_file(), vae=lora).startswith("not_a_vae")

"""Base models as other programs leave them load to the same weights: wrapped names, other layouts, shards, variants."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.tiny import original_state_dict, tiny_folder, tiny_modules
from tests.tiny_families import folder_of, modules_of, tensors_of
from tests.train_core.models.test_load import assert_tiny, load, problem_of
from train_core.facts.models.headers import recognise
from train_core.facts.models.model_files import base_files
from train_core.models.load import open_model

Rename = Callable[[str], str]
UNET, TEXT = "model.diffusion_model.", "cond_stage_model.transformer."


def renamed(tensors: dict[str, Tensor], rename: Rename, path: Path) -> Path:
    save_file({rename(name): tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.replace(UNET, f"{UNET}_orig_mod."),
        lambda name: f"_orig_mod.{name}",
        lambda name: name.replace("transformer_blocks.0.", "transformer_blocks.0._orig_mod."),
        lambda name: name.replace(UNET, f"{UNET}_fsdp_wrapped_module."),
        lambda name: name.replace("attn1.", "attn1._checkpoint_wrapped_module."),
        lambda name: f"model.{name}",
        lambda name: f"module.{name}",
        lambda name: f"state_dict.module.{name}",
        lambda name: name.replace(UNET, "diffusion_model."),
        lambda name: name.replace(UNET, "diffusion_model._orig_mod."),
        lambda name: name.replace("text_model.", "text_model._orig_mod."),
    ],
    ids=["unet", "all", "within", "fsdp", "checkpointed", "model", "module", "twice", "short", "both", "text"],
)  # fmt: skip
def test_what_other_programs_put_around_names_is_taken_off(tmp_path: Path, rename: Rename) -> None:
    assert_tiny(load(renamed(original_state_dict(), rename, tmp_path / "m.safetensors")))


def assert_family(path: Path, kind: str) -> None:
    family = load(path)
    for part, module in modules_of(kind).items():
        found = family.modules[part].state_dict()
        assert all(torch.equal(found[name], value) for name, value in module.state_dict().items())


@pytest.mark.parametrize("start", ["conditioner.embedders.1.transformer.", "conditioner.embedders.1.model."])
def test_the_second_encoder_of_sdxl_may_have_the_names_of_transformers(tmp_path: Path, start: str) -> None:
    tensors = {name: t for name, t in tensors_of("sdxl").items() if not name.startswith("conditioner.embedders.1.")}
    theirs = modules_of("sdxl")["text_encoder_2"].state_dict()
    tensors |= {f"{start}{name}": value for name, value in theirs.items()}
    assert_family(renamed(tensors, str, tmp_path / "m.safetensors"), "sdxl")


def test_the_encoder_of_sd2_may_have_the_names_of_transformers(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in tensors_of("sd2").items() if not name.startswith("cond_stage_model.")}
    theirs = modules_of("sd2")["text_encoder"].state_dict()
    tensors |= {f"{TEXT}{name if 'text_model' in name else f'text_model.{name}'}": t for name, t in theirs.items()}
    path = renamed(tensors, str, tmp_path / "m.safetensors")
    assert recognise(path).kind == "SD 2.x"
    assert_family(path, "sd2")


def test_weights_in_fewer_bits_with_scales_are_called_so_and_not_damaged(tmp_path: Path) -> None:
    for extra in (f"{UNET}input_blocks.1.1.proj_in.scale_weight", "scaled_fp8", f"{UNET}out.2.weight.absmax"):
        tensors = original_state_dict() | {extra: torch.ones(1)}
        found = problem_of(renamed(tensors, str, tmp_path / "m.safetensors"))
        assert found.startswith("model_quantised")


def test_a_model_of_a_unet_and_a_vae_says_which_part_is_missing(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in tensors_of("sdxl").items() if not name.startswith("conditioner.")}
    found = problem_of(renamed(tensors, str, tmp_path / "m.safetensors"))
    assert found.startswith("model_encoder_missing")
    assert "VAE field" not in found


def test_a_vae_may_be_missing_where_it_is_not_needed(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in original_state_dict().items() if not name.startswith("first_stage")}
    opened = open_model(base_files(str(renamed(tensors, str, tmp_path / "m.safetensors"))), needs_vae=False)
    assert opened.stored["vae"] == {}
    assert opened.stored.keys() - {"vae"} == opened.family.modules.keys() == {"text_encoder", "unet"}
    assert opened.family.targets()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tiny folder without the U-Net's weights."""
    shutil.copytree(tiny_folder(), tmp_path / "m")
    for file in (tmp_path / "m" / "unet").glob("diffusion*"):
        file.unlink()
    return tmp_path / "m"


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("variant", [None, "fp16", "bf16", "ema", "non_ema", "special"])
@pytest.mark.parametrize("size", ["1MB", "10GB"])
def test_shards_and_variants_load(folder: Path, size: str, variant: str | None, pickled: bool) -> None:
    unet = tiny_modules()["unet"]
    unet.save_pretrained(folder / "unet", variant=variant, max_shard_size=size, safe_serialization=not pickled)
    assert bool(list((folder / "unet").glob("*.index*.json"))) == (size == "1MB")
    assert_tiny(load(folder))


def test_shards_without_their_index_load_and_a_missing_one_is_named(folder: Path) -> None:
    tiny_modules()["unet"].save_pretrained(folder / "unet", max_shard_size="1MB")
    index = folder / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    content = index.read_text(encoding="utf-8")
    index.unlink()
    assert_tiny(load(folder))
    shards = sorted((folder / "unet").glob("*-of-*"))
    shards[1].unlink()
    assert problem_of(folder).startswith("model_shard_missing")
    assert shards[1].name in problem_of(folder)
    index.write_text(content, encoding="utf-8")
    assert shards[1].name in problem_of(folder)


def test_a_whole_file_counts_before_old_shards_and_full_weights_before_others(folder: Path) -> None:
    unet = tiny_modules()["unet"]
    unet.save_pretrained(folder / "unet", max_shard_size="1MB")
    for path in (folder / "unet").glob("*-of-*"):
        save_file({name: value + 1 for name, value in load_file(path).items()}, path)
    unet.save_pretrained(folder / "other")
    (folder / "other" / "diffusion_pytorch_model.safetensors").rename(
        folder / "unet" / "diffusion_pytorch_model.safetensors"
    )
    wrong = {name: value + 1 for name, value in unet.state_dict().items()}
    save_file(wrong, folder / "unet" / "diffusion_pytorch_model.non_ema.safetensors")
    torch.save(wrong, folder / "unet" / "diffusion_pytorch_model.bin")
    assert_tiny(load(folder))


def test_an_index_never_leads_out_of_its_folder(folder: Path) -> None:
    save_file(dict(tiny_modules()["unet"].state_dict()), folder / "elsewhere.safetensors")
    index = {"weight_map": dict.fromkeys(tiny_modules()["unet"].state_dict(), "../elsewhere.safetensors")}
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert problem_of(folder).startswith("model_shard_missing")


def test_a_text_encoder_in_shards_loads(tmp_path: Path) -> None:
    shutil.copytree(folder_of("sdxl"), tmp_path / "m")
    (tmp_path / "m" / "text_encoder_2" / "model.safetensors").unlink()
    modules_of("sdxl")["text_encoder_2"].save_pretrained(tmp_path / "m" / "text_encoder_2", max_shard_size="1MB")
    assert len(list((tmp_path / "m" / "text_encoder_2").glob("*-of-*"))) > 1
    assert_family(tmp_path / "m", "sdxl")

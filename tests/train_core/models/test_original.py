"""A base model's file written once more: what is new takes its place in it, and all else stays to the bit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.pickles import read_by_a1111
from tests.tiny import original_state_dict, tiny_file, tiny_folder
from tests.tiny_families import file_of, folder_of, inpainting_tensors, tensors_of
from train_core.facts.models.model_files import base_files
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.models.files.pickling import write_pickled_state
from train_core.models.files.stored import Stored, in_memory
from train_core.models.files.writing import write_safetensors
from train_core.models.load import open_model
from train_core.models.original import Original

FILES = {"sd1": tiny_file, "sd2": lambda: file_of("sd2"), "sdxl": lambda: file_of("sdxl")}
STRANGE = {
    "model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7, dtype=torch.int32),
    "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None],
    "betas": torch.linspace(0, 1, 5, dtype=torch.float64), "broken": torch.tensor([float("nan"), float("inf")]),
    "first_stage_model.loss.discriminator.weight": torch.ones(3, dtype=torch.bfloat16),
}


def tensors(kind: str) -> dict[str, Tensor]:
    return original_state_dict() if kind == "sd1" else tensors_of(kind)


def opened(path: Path, vae: str = "") -> Original:
    return Original(base_files(str(path), vae), "epsilon")


def doubled(original: Original, *parts: str) -> dict[str, dict[str, Stored]]:
    """Every weight of `parts`, times two."""
    return {
        part: in_memory({name: 2 * one.read() for name, one in original.opened.stored[part].items()}) for part in parts
    }


def written(original: Original, parts: tuple[str, ...], path: Path, dtype: torch.dtype = torch.float32) -> Path:
    write_safetensors(path, original.single_file(doubled(original, *parts), dtype), {})
    return path


def same_bits(first: Tensor, second: Tensor) -> bool:
    return first.dtype == second.dtype and first.shape == second.shape and torch.equal(
        first.reshape(-1).view(torch.uint8), second.reshape(-1).view(torch.uint8)
    )


@pytest.mark.parametrize("kind", FILES)
def test_every_weight_of_a_part_takes_its_place_and_nothing_else_moves(kind: str, tmp_path: Path) -> None:
    before = {name: one.half() for name, one in tensors(kind).items()} | STRANGE
    save_file(before, tmp_path / "base.safetensors")
    original = opened(tmp_path / "base.safetensors")
    texts = [part for part in original.parts if part.startswith("text")]
    for parts in (("unet",), tuple(texts), ("unet", *texts)):
        after = load_file(written(original, parts, tmp_path / "new.safetensors", torch.float16))
        assert after.keys() == before.keys()
        prefixes = tuple(original.parts[part].shortest_prefix for part in parts)
        for name, old in before.items():
            spare = "position_ids" in name or "logit_scale" in name or "resblocks.23" in name or (
                kind == "sd2" and name.endswith("text_projection")
            )
            if name.startswith(prefixes) and not spare:
                assert same_bits(after[name], 2 * old), name
            else:
                assert same_bits(after[name], old), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_only_what_is_new_gets_the_number_format_asked_for(dtype: torch.dtype, tmp_path: Path) -> None:
    original = opened(tiny_file())
    after = load_file(written(original, ("unet",), tmp_path / "new.safetensors", dtype))
    formats = {name.split(".")[0]: one.dtype for name, one in after.items()}
    assert formats == {"model": dtype, "cond_stage_model": torch.float32, "first_stage_model": torch.float32}


WRAPPED: dict[str, Callable[[str], str]] = {
    "compiled": lambda name: f"_orig_mod.{name}",
    "module": lambda name: f"module.{name}",
    "without_text_model": lambda name: name.replace("text_model.", ""),
    "short": lambda name: name.replace("model.diffusion_model.", "diffusion_model."),
}


@pytest.mark.parametrize("way", WRAPPED)
def test_names_of_other_programs_stay_as_they_are(way: str, tmp_path: Path) -> None:
    before = {WRAPPED[way](name): one for name, one in original_state_dict().items()}
    save_file(before, tmp_path / "base.safetensors")
    original = opened(tmp_path / "base.safetensors")
    after = load_file(written(original, ("unet", "text_encoder"), tmp_path / "new.safetensors"))
    assert after.keys() == before.keys()
    for name, old in before.items():
        assert same_bits(after[name], old if "first_stage" in name else 2 * old), name


@pytest.mark.parametrize("kind", ["sd2", "sdxl"])
def test_a_text_encoder_with_the_names_of_transformers_keeps_them(kind: str, tmp_path: Path) -> None:
    ours = opened(file_of(kind))
    part = "text_encoder" if kind == "sd2" else "text_encoder_2"
    prefix = ours.parts[part].prefix
    theirs = {
        prefix.replace(".model.", ".transformer.") + (name if name.startswith("text_") else f"text_model.{name}"): one
        for name, one in ((name, one.read()) for name, one in ours.opened.stored[part].items())
    }
    rest = {name: one for name, one in tensors_of(kind).items() if not name.startswith(prefix)}
    before = {**rest, **{name: one.contiguous() for name, one in theirs.items()}}
    save_file(before, tmp_path / "base.safetensors")
    after = load_file(written(opened(tmp_path / "base.safetensors"), (part,), tmp_path / "new.safetensors"))
    assert after.keys() == before.keys()
    assert all(same_bits(after[name], 2 * one if name in theirs else one) for name, one in before.items())


def test_one_new_third_of_joined_rows_leaves_the_others(tmp_path: Path) -> None:
    original, name = opened(file_of("sdxl")), "encoder.layers.1.self_attn.k_proj.weight"
    inner = next(one for one in original.opened.stored["text_encoder_2"] if one.endswith(name))
    old = original.opened.stored["text_encoder_2"][inner].read()
    trained = {"text_encoder_2": in_memory({inner: -old})}
    write_safetensors(tmp_path / "new.safetensors", original.single_file(trained, torch.float32), {})
    before, after = tensors_of("sdxl"), load_file(tmp_path / "new.safetensors")
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == ["conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_weight"]
    (q, _, v), (new_q, new_k, new_v) = (one[changed[0]].chunk(3) for one in (before, after))
    assert torch.equal(new_q, q) and torch.equal(new_k, -old) and torch.equal(new_v, v)


def test_a_vae_of_its_own_goes_in_and_a_wide_input_stays_wide(tmp_path: Path) -> None:
    save_file(inpainting_tensors("sd1"), tmp_path / "base.safetensors")
    vae = {name: one + 1 for name, one in original_state_dict().items() if name.startswith("first_stage_model.")}
    save_file({name.removeprefix("first_stage_model."): one for name, one in vae.items()}, tmp_path / "vae.safetensors")
    original = opened(tmp_path / "base.safetensors", str(tmp_path / "vae.safetensors"))
    after = load_file(written(original, ("unet",), tmp_path / "new.safetensors"))
    assert after.keys() == inpainting_tensors("sd1").keys()
    assert all(same_bits(after[name], one) for name, one in vae.items())
    assert after["model.diffusion_model.input_blocks.0.0.weight"].shape[1] == 9


@pytest.mark.parametrize("kind", ["sd1", "sd2", "sdxl"])
def test_a_folder_becomes_a_single_file_that_loads(kind: str, tmp_path: Path) -> None:
    original = opened(tiny_folder() if kind == "sd1" else folder_of(kind))
    path = written(original, ("unet", "text_encoder"), tmp_path / "new.safetensors")
    again = open_model(base_files(str(path))).stored
    for part, its in original.opened.stored.items():
        factor = 2 if part in ("unet", "text_encoder") else 1
        assert all(torch.equal(again[part][name].read(), factor * one.read()) for name, one in its.items())


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_a_folder_stays_a_folder_with_all_that_stands_beside_its_weights(kind: str, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_folder() if kind == "sd1" else folder_of(kind), base)
    (base / "README.md").write_text("by somebody", encoding="utf-8")
    (base / "safety_checker").mkdir()
    (base / "safety_checker" / "model.safetensors").write_bytes(b"weights")
    (base / "whole.safetensors").write_bytes(b"another form of all this")
    index = json.loads((base / "model_index.json").read_text(encoding="utf-8"))
    (base / "model_index.json").write_text(json.dumps({**index, "safety_checker": ["a", "b"]}), encoding="utf-8")
    extra = load_file(base / "text_encoder" / "model.safetensors") | {"embeddings.position_ids": torch.arange(77)}
    save_file(extra, base / "text_encoder" / "model.safetensors")
    original = opened(base)
    original.write_folder(tmp_path / "new", doubled(original, "unet"), torch.float32, {})
    kept = {path.relative_to(base) for path in base.rglob("*") if path.is_file()} - {Path("whole.safetensors")}
    assert kept <= {path.relative_to(tmp_path / "new") for path in (tmp_path / "new").rglob("*")}
    for place in kept:
        if place.parts[0] != "unet" and place.suffix != ".safetensors":
            assert (tmp_path / "new" / place).read_bytes() == (base / place).read_bytes()
    again = load_file(tmp_path / "new" / "text_encoder" / "model.safetensors")
    assert again.keys() == extra.keys()
    assert all(same_bits(again[name], one) for name, one in extra.items())
    unet, before = (load_file(at / "unet" / "diffusion_pytorch_model.safetensors") for at in (tmp_path / "new", base))
    assert unet.keys() == before.keys()
    assert all(torch.equal(unet[name], 2 * one) for name, one in before.items())


def test_a_pickled_file_is_what_torch_reads_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    original = opened(tiny_file())
    for name in ("first.ckpt", "second.ckpt"):
        tensors = original.single_file(doubled(original, "unet"), torch.float16)
        write_pickled_state(tmp_path / name, tensors, {"ss_steps": "3"})
    assert (tmp_path / "first.ckpt").read_bytes() == (tmp_path / "second.ckpt").read_bytes()
    assert read_by_a1111(tmp_path / "first.ckpt")
    assert read_tensor_file(tmp_path / "first.ckpt").metadata == {"ss_steps": "3"}
    state = torch.load(tmp_path / "first.ckpt", weights_only=True)["state_dict"]
    before = original_state_dict()
    assert state.keys() == before.keys()
    for name, one in before.items():
        assert same_bits(state[name], (2 * one).half() if name.startswith("model.") else one)
    again = open_model(base_files(str(tmp_path / "first.ckpt"))).stored["unet"]
    assert all(again[n].dtype == torch.float16 for n in again)


def test_a_change_of_the_file_is_noticed(tmp_path: Path) -> None:
    base = tmp_path / "base.safetensors"
    shutil.copyfile(tiny_file(), base)
    original = opened(base)
    assert original.unchanged
    base.touch()
    assert not original.unchanged
    base.unlink()
    assert not original.unchanged


def test_metadata_stand_in_the_file(tmp_path: Path) -> None:
    original = opened(tiny_file())
    write_safetensors(tmp_path / "a.safetensors", original.single_file({}, torch.float16), {"format": "pt", "a": "b"})
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "a": "b"}
    assert load_file(tmp_path / "a.safetensors").keys() == original_state_dict().keys()

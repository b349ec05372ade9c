"""A LoRA is the same under the names of every program that writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.tiny import tiny_modules
from train_core.config.problems import UserError
from train_core.facts.models.headers import identify
from train_core.facts.models.unet_names import original_names
from train_core.kinds import KINDS
from train_core.models.targets import text_encoder_targets, unet_targets
from train_core.networks.files.merging import change_by
from train_core.networks.files.reading import read_adapter

ORIGINAL = original_names(KINDS["SD 1.x"].unet_attention)


def original(path: str) -> str:
    """The path by the original layout's names."""
    start = max((one for one in ORIGINAL if path == one or path.startswith(f"{one}.")), key=len)
    return ORIGINAL[start] + path[len(start) :]


def processor(path: str) -> str:
    """The path as the attention processors of diffusers' first LoRAs had it."""
    module, _, name = path.removesuffix(".0").rpartition(".")
    return f"{module}.processor.{name}_lora"


def flat(path: str) -> str:
    return path.replace(".", "_")


KOHYA, PEFT = ("lora_up.weight", "lora_down.weight"), ("lora_B.weight", "lora_A.weight")
UNET_NAMES: dict[str, tuple[Callable[[str], str], tuple[str, str]]] = {
    "kohya": (lambda path: f"lora_unet_{flat(path)}", KOHYA),
    "kohya, the original layout": (lambda path: f"lora_unet_{flat(original(path))}", KOHYA),
    "kohya with PEFT's ends": (lambda path: f"lora_unet_{flat(path)}", PEFT),
    "kohya, compiled": (lambda path: f"lora_unet__orig_mod_{flat(path)}", KOHYA),
    "kohya, blocks compiled": (
        lambda path: f"lora_unet_{flat(path.replace('blocks.0.', 'blocks.0._orig_mod.'))}", KOHYA,
    ),
    "LyCORIS": (lambda path: f"lycoris_{flat(path)}", KOHYA),
    "ComfyUI": (lambda path: f"diffusion_model.{original(path)}", KOHYA),
    "ComfyUI's training": (lambda path: f"diffusion_model.{original(path)}", PEFT),
    "whole checkpoint's paths": (lambda path: f"model.diffusion_model.{original(path)}", PEFT),
    "diffusers": (lambda path: f"unet.{path}", PEFT),
    "diffusers, compiled": (lambda path: f"unet._orig_mod.{path}", PEFT),
    "diffusers of old": (lambda path: f"unet.{path}", ("lora.up.weight", "lora.down.weight")),
    "diffusers' processors": (lambda path: f"unet.{processor(path)}", ("up.weight", "down.weight")),
    "bare processors": (processor, ("up.weight", "down.weight")),
    "bare paths": (lambda path: path, PEFT),
    "bare paths, distributed": (lambda path: f"module.{path}", PEFT),
    "bare paths, the original layout": (original, PEFT),
    "PEFT": (lambda path: f"base_model.model.{path}", PEFT),
    "PEFT within diffusers": (lambda path: f"unet.base_model.model.{path}", PEFT),
    "PEFT, named": (lambda path: f"base_model.model.{path}", ("lora_B.default.weight", "lora_A.default.weight")),
    "PEFT, compiled": (lambda path: f"base_model.model._orig_mod.{path}", PEFT),
    "without weight": (lambda path: f"diffusion_model.{original(path)}", ("lora_B", "lora_A")),
}  # fmt: skip
TEXT_NAMES: dict[str, tuple[Callable[[str], str], tuple[str, str]]] = {
    "kohya": (lambda path: f"lora_te_text_model_{flat(path)}", KOHYA),
    "kohya, newer transformers": (lambda path: f"lora_te_{flat(path)}", KOHYA),
    "diffusers": (lambda path: f"text_encoder.text_model.{path}", PEFT),
    "diffusers of old": (
        lambda path: f"text_encoder.text_model.{path}.lora_linear_layer", ("up.weight", "down.weight"),
    ),
    "diffusers' processors": (
        lambda path: f"text_encoder.text_model.{path.replace('_proj', '').replace('self_attn.', 'self_attn.to_')}_lora",
        ("up.weight", "down.weight"),
    ),
    "ComfyUI": (lambda path: f"text_encoders.clip_l.transformer.text_model.{path}", KOHYA),
    "ComfyUI, bare": (lambda path: f"clip_l.transformer.text_model.{path}", PEFT),
    "PEFT": (lambda path: f"base_model.model.text_model.{path}", PEFT),
    "PEFT, newer transformers": (lambda path: f"base_model.model.{path}", PEFT),
    "LyCORIS": (lambda path: f"lycoris_text_model_{flat(path)}", KOHYA),
}  # fmt: skip


def pairs(paths: list[str]) -> dict[str, tuple[Tensor, Tensor]]:
    """Up and down (rank 2, 32 wide) by path."""
    generator = torch.Generator().manual_seed(0)
    return {p: (torch.randn(32, 2, generator=generator), torch.randn(2, 32, generator=generator)) for p in paths}


def written(form: tuple[Callable[[str], str], tuple[str, str]], paths: list[str], path: Path) -> None:
    """The LoRA of `paths` under these names, in a file at `path`."""
    name, ends = form
    tensors = {f"{name(p)}.{end}": one for p, pair in pairs(paths).items() for end, one in zip(ends, pair, strict=True)}
    save_file(tensors, path)


def assert_reads(path: Path, keys: dict[str, str]) -> None:
    """The file is a LoRA of the layers `keys`, by path, at strength 1."""
    file = read_adapter(path).for_kind("SD 1.x")
    assert identify(path).kind == "LoRA"
    assert file.modules.keys() == set(keys.values())
    for place, (up, down) in pairs(list(keys)).items():
        assert torch.allclose(change_by(file.modules[keys[place]], torch.Size((32, 32)), None), up @ down, atol=1e-5)


@pytest.mark.parametrize("name", UNET_NAMES)
def test_a_unets_layers_under_every_name(name: str, tmp_path: Path) -> None:
    targets = list(unet_targets(tiny_modules()["unet"]))
    keys = {t.path: t.file_key for t in targets if t.path.endswith(("attn1.to_q", "attn2.to_out.0"))}
    written(UNET_NAMES[name], list(keys), tmp_path / "a.safetensors")
    assert_reads(tmp_path / "a.safetensors", keys)


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_a_text_encoders_layers_under_every_name(name: str, tmp_path: Path) -> None:
    targets = list(text_encoder_targets(tiny_modules()["text_encoder"]))
    keys = {t.path: t.file_key for t in targets if t.path.endswith(("q_proj", "out_proj"))}
    written(TEXT_NAMES[name], list(keys), tmp_path / "a.safetensors")
    assert_reads(tmp_path / "a.safetensors", keys)


def test_two_adapters_in_one_file_are_not_mixed(tmp_path: Path) -> None:
    start, ones = "base_model.model.down_blocks.0.attentions.0.proj_in", torch.ones(4, 4)
    names = [f"{start}.lora_{side}.{name}.weight" for side in "AB" for name in ("first", "second")]
    save_file({name: ones.clone() for name in names}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"lora_A\.second"):
        read_adapter(tmp_path / "a.safetensors")


def test_sparse_numbers_beside_a_lora_are_part_of_its_change(tmp_path: Path) -> None:
    up, down, rest = torch.randn(6, 2), torch.randn(2, 5), torch.zeros(6, 5)
    rest[1, 2], rest[4, 0] = 3.0, -2.0
    sparse = rest.to_sparse().coalesce()
    save_file(
        {"lora_unet_x.lora_up.weight": up, "lora_unet_x.lora_down.weight": down, "lora_unet_x.alpha": torch.tensor(2.0),
         "lora_unet_x.bias_indices": sparse.indices().to(torch.int16), "lora_unet_x.bias_values": sparse.values(),
         "lora_unet_x.bias_size": torch.tensor(rest.shape).to(torch.int16)},
        tmp_path / "a.safetensors",
    )  # fmt: skip
    (module,) = read_adapter(tmp_path / "a.safetensors").modules.values()
    assert torch.allclose(change_by(module, torch.Size((6, 5)), None), up @ down + rest, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2fnuz, torch.int8, torch.uint16, torch.int64])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_an_alpha_of_any_format_and_shape(dtype: torch.dtype, shape: tuple[int, ...], tmp_path: Path) -> None:
    up, down = torch.randn(6, 4), torch.randn(4, 5)
    alpha = torch.full(shape, 8.0).to(dtype)
    save_file({"lora_unet_x.lora_up.weight": up, "lora_unet_x.lora_down.weight": down, "lora_unet_x.alpha": alpha},
              tmp_path / "a.safetensors")  # fmt: skip
    (module,) = read_adapter(tmp_path / "a.safetensors").modules.values()
    assert torch.allclose(change_by(module, torch.Size((6, 5)), None), 2 * up @ down, atol=1e-5)

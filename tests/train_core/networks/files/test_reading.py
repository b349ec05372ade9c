"""Adapter files of other programs and of older days mean what they meant there."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor

from tests.adapters import adapter_on
from tests.tiny import tiny_modules
from tests.tiny_families import modules_of
from train_core.config.problems import UserError
from train_core.config.sections.network import NetworkSettings
from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.models.kinds.sdxl import SDXL
from train_core.models.targets import text_encoder_targets, unet_targets
from train_core.networks.attach import Adapter
from train_core.networks.files.merging import change_by
from train_core.networks.files.reading import read_adapter


def adapter_of(kind: str) -> Adapter:
    """A random LoRA on a tiny model."""
    if kind == "sd1":
        modules = tiny_modules()
        targets = [*text_encoder_targets(modules["text_encoder"]), *unet_targets(modules["unet"])]
    else:
        targets = SDXL(dict(modules_of("sdxl")), clip_tokenizer()).targets()
    adapter = adapter_on(targets, NetworkSettings(network_dim=3, network_alpha=1.5))
    generator = torch.Generator().manual_seed(0)
    for parameter in adapter.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return adapter


def assert_same(path: Path, adapter: Adapter, tolerance: float = 1e-5) -> None:
    """The file changes the same layers by the same."""
    file = read_adapter(path)
    assert file.modules.keys() == adapter.layers.keys()
    for key, layer in adapter.layers.items():
        found, expected = change_by(file.modules[key], layer.shape, None), layer.delta()
        assert float((found - expected).norm() / expected.norm()) < tolerance


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float16, 1e-2), (torch.bfloat16, 3e-2), (torch.float8_e4m3fn, 0.2), (torch.float64, 1e-5)],
)
def test_every_number_format(dtype: torch.dtype, tolerance: float, tmp_path: Path) -> None:
    adapter = adapter_of("sd1")
    save_file(adapter.state_dict_for_file(dtype), tmp_path / "a.safetensors")
    assert_same(tmp_path / "a.safetensors", adapter, tolerance)


def test_pickled_files(tmp_path: Path) -> None:
    adapter = adapter_of("sd1")
    torch.save(adapter.state_dict_for_file(), tmp_path / "a.pt")
    assert_same(tmp_path / "a.pt", adapter)


def test_files_without_alpha_have_strength_one(tmp_path: Path) -> None:
    adapter = adapter_of("sd1")
    for layer in adapter.layers.values():
        layer.alpha = float(layer.rank)
    tensors = {name: t for name, t in adapter.state_dict_for_file().items() if not name.endswith("alpha")}
    save_file(tensors, tmp_path / "a.safetensors")
    assert_same(tmp_path / "a.safetensors", adapter)


def sdxl_in_diffusers_words(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """SDXL's U-Net as the second naming has it: underscores, but diffusers' paths."""
    paths = {target.file_key: target.path for target in SDXL(dict(modules_of("sdxl")), clip_tokenizer()).targets()}
    renamed = {}
    for name, tensor in tensors.items():
        key, _, rest = name.partition(".")
        if key.startswith("lora_unet_"):
            key = "lora_unet_" + paths[key].replace(".", "_")
        renamed[f"{key}.{rest}"] = tensor
    return renamed


def test_sdxl_in_both_namings(tmp_path: Path) -> None:
    adapter = adapter_of("sdxl")
    tensors = adapter.state_dict_for_file()
    save_file(tensors, tmp_path / "stability.safetensors")
    renamed = sdxl_in_diffusers_words(tensors)
    assert renamed.keys() != tensors.keys()
    save_file(renamed, tmp_path / "diffusers.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    for name in ("stability", "diffusers"):
        assert_same(tmp_path / f"{name}.safetensors", adapter)


def test_files_that_diffusers_writes(tmp_path: Path) -> None:
    """With the alpha that is not the rank, which its header carries."""
    modules = {name: copy.deepcopy(tiny_modules()[name]) for name in ("unet", "text_encoder")}
    unet = get_peft_model(modules["unet"], LoraConfig(r=3, lora_alpha=6, target_modules=["to_q", "to_v", "proj_in"]))
    generator = torch.Generator().manual_seed(1)
    for parameter in unet.parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn(parameter.shape, generator=generator)
    state = get_peft_model_state_dict(unet)
    StableDiffusionPipeline.save_lora_weights(
        tmp_path, {name.removeprefix("base_model.model."): value for name, value in state.items()},
        unet_lora_adapter_metadata=unet.peft_config["default"].to_dict(),
    )
    file = read_adapter(tmp_path / "pytorch_lora_weights.safetensors")
    merged = unet.merge_and_unload()
    plain = dict(tiny_modules()["unet"].named_modules())
    paths = {target.file_key: target.path for target in unet_targets(plain[""])}
    assert len(file.modules) == len(state) // 2
    for key, module in file.modules.items():
        expected = merged.get_submodule(paths[key]).weight - plain[paths[key]].weight
        found = change_by(module, expected.shape, None)
        assert float((found - expected).norm() / expected.norm()) < 1e-4


def test_a_peft_folder_with_its_config_beside(tmp_path: Path) -> None:
    adapter = adapter_of("sd1")
    paths = {target.file_key: target.path for target in unet_targets(tiny_modules()["unet"])}
    tensors = {}
    for key, layer in adapter.layers.items():
        if key in paths:
            start = f"base_model.model.{paths[key]}"
            tensors |= {f"{start}.lora_A.weight": layer.lora_down.detach().clone(),
                        f"{start}.lora_B.weight": layer.lora_up.detach().clone()}
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 3, "lora_alpha": 1.5}), encoding="utf-8")
    file = read_adapter(tmp_path / "adapter_model.safetensors")
    assert file.modules.keys() == paths.keys() & adapter.layers.keys()
    for key, module in file.modules.items():
        layer = adapter.layers[key]
        assert torch.allclose(change_by(module, layer.shape, None), layer.delta(), atol=1e-5)


def test_attention_processors_of_old(tmp_path: Path) -> None:
    """Names that diffusers wrote in its first year of LoRAs."""
    down, up = torch.randn(3, 32), torch.randn(32, 3)
    start = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor"
    save_file(
        {f"{start}.to_q_lora.down.weight": down, f"{start}.to_q_lora.up.weight": up,
         f"{start}.to_out_lora.down.weight": down.clone(), f"{start}.to_out_lora.up.weight": up.clone()},
        tmp_path / "a.safetensors",
    )
    file = read_adapter(tmp_path / "a.safetensors")
    block = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1"
    assert set(file.modules) == {f"{block}_to_q", f"{block}_to_out_0"}
    assert torch.allclose(change_by(file.modules[f"{block}_to_q"], torch.Size((32, 32)), None), up @ down, atol=1e-5)


def test_glora_files_with_the_pairs_the_other_way_round(tmp_path: Path) -> None:
    new = {name: torch.randn(shape) for name, shape in
           {"a1": (20, 3), "a2": (3, 20), "b1": (30, 3), "b2": (3, 20)}.items()}
    weight = torch.randn(30, 20)
    found = {}
    for age, pairs in (("new", ("a1", "a2", "b1", "b2")), ("old", ("a2", "a1", "b2", "b1"))):
        names = dict(zip(pairs, ("a1", "a2", "b1", "b2"), strict=True))
        path = tmp_path / f"{age}.safetensors"
        save_file({f"lora_unet_x.{name}.weight": new[source].clone() for name, source in names.items()}, path)
        found[age] = change_by(read_adapter(path).modules["lora_unet_x"], weight.shape, weight)
    assert torch.allclose(found["new"], found["old"])
    assert torch.allclose(found["new"], weight @ new["a1"] @ new["a2"] + new["b1"] @ new["b2"], atol=1e-4)


def test_embeddings_bundled_in_a_file_are_kept_apart(tmp_path: Path) -> None:
    tensors = adapter_of("sd1").state_dict_for_file()
    save_file({**tensors, "bundle_emb.zuko.string_to_param.*": torch.randn(2, 64)}, tmp_path / "a.safetensors")
    assert list(read_adapter(tmp_path / "a.safetensors").others) == ["bundle_emb.zuko.string_to_param.*"]


@pytest.mark.parametrize(
    ("kind", "metadata", "expected"),
    [
        ("sd1", {}, ""), ("sdxl", {}, "SDXL"), ("sd1", {"ss_base_model_version": "sd_v2_v"}, "SD 2.x"),
        ("sd1", {"modelspec.architecture": "stable-diffusion-v1/lora"}, "SD 1.x"),
    ],
)
def test_the_kind_of_base_is_told_by_metadata_or_by_the_layers(
    kind: str, metadata: dict[str, str], expected: str, tmp_path: Path
) -> None:
    save_file(adapter_of(kind).state_dict_for_file(), tmp_path / "a.safetensors", metadata)
    assert read_adapter(tmp_path / "a.safetensors").kind == expected


def test_something_else_is_refused(tmp_path: Path) -> None:
    save_file({"model.diffusion_model.x": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="belong to none"):
        read_adapter(tmp_path / "a.safetensors")
    assert DDPMScheduler  # diffusers is what the files above come from

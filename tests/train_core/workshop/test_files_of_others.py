"""Adapters as other programs write them, taken through the tools: nothing gets weaker, is renamed or lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.train_core.workshop.conftest import RunTool, errors, family, model_file, table
from train_core.models.targets import Target

Changes = dict[str, Tensor]


def chosen(kind: str, *ends: str) -> list[Target]:
    found = [one for one in family(kind).targets() if one.part == "unet" and one.file_key.endswith(ends)]
    assert len(found) > 3
    return found


def pair(target: Target, rank: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random maps up and down of a layer."""
    generator = torch.Generator().manual_seed(seed)
    out, inside, *kernel = target.module.weight.shape
    up = torch.randn(out, rank, *[1] * len(kernel), generator=generator) * 0.1
    return up, torch.randn(rank, inside, *kernel, generator=generator) * 0.1


def product(up: Tensor, down: Tensor) -> Tensor:
    return up.flatten(1).double() @ down.flatten(1).double()


def changes_in(path: Path) -> Changes:
    """What each layer of a file with kohya's names changes, as a matrix."""
    said = load_file(path)
    ends = [name.removesuffix(".lora_up.weight") for name in said if name.endswith(".lora_up.weight")]
    found = {}
    for key in ends:
        down = said[f"{key}.lora_down.weight"]
        alpha = said.get(f"{key}.alpha")  # without it the strength is 1
        strength = 1.0 if alpha is None else float(alpha) / down.shape[0]
        found[key] = product(said[f"{key}.lora_up.weight"], down) * strength
    return found


def assert_close(found: Changes, wanted: Changes, tolerance: float = 1e-5) -> None:
    assert found.keys() == wanted.keys()
    for key, change in wanted.items():
        assert float((found[key] - change).norm() / change.norm()) < tolerance, key


def peft_file(folder: Path, in_header: bool) -> tuple[Path, Changes]:
    """An adapter with other ranks and strengths for some layers, as PEFT or as diffusers describes it."""
    config: dict[str, Any] = {
        "peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["to_q", "to_k"],
        "rank_pattern": {"to_k": 4}, "alpha_pattern": {"to_k": 16},
    }  # fmt: skip
    tensors, wanted = {}, {}
    for number, target in enumerate(chosen("sd1", "attn1_to_q", "attn1_to_k")):
        rank, alpha = (4, 16) if target.file_key.endswith("to_k") else (8, 8)
        up, down = pair(target, rank, number)
        start = f"{'unet' if in_header else 'base_model.model'}.{target.paths[0]}"
        tensors |= {f"{start}.lora_A.weight": down, f"{start}.lora_B.weight": up}
        wanted[target.file_key] = product(up, down) * alpha / rank
    path = folder / ("pytorch_lora_weights.safetensors" if in_header else "adapter_model.safetensors")
    said = {"lora_adapter_metadata": json.dumps({f"unet.{name}": value for name, value in config.items()})}
    save_file(tensors, path, said if in_header else None)
    if not in_header:
        (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return path, wanted


@pytest.mark.parametrize("in_header", [False, True])
def test_strengths_of_peft_survive_resizing_converting_and_merging(
    run_tool: RunTool, tmp_path: Path, in_header: bool
) -> None:
    path, wanted = peft_file(tmp_path, in_header)
    uses = {
        "resize_lora": {"adapter": path, "tool_rank": 8},
        "convert_lora": {"adapter": path, "adapter_format": "kohya"},
        "merge_lora": {"adapters": path},
    }
    for tool, settings in uses.items():
        out = tmp_path / f"{tool}.safetensors"
        assert run_tool(tool, save_to=out, result_precision="float", **settings)[-1]["status"] == "completed"
        assert_close(changes_in(out), wanted)


def test_a_lower_rank_of_peft_is_the_nearest_to_its_real_strength(run_tool: RunTool, tmp_path: Path) -> None:
    path, wanted = peft_file(tmp_path, in_header=False)
    out = tmp_path / "small.safetensors"
    run_tool("resize_lora", adapter=path, tool_rank=3, save_to=out, result_precision="float")
    nearest = {}
    for key, change in wanted.items():
        left, values, right = torch.linalg.svd(change, full_matrices=False)
        nearest[key] = left[:, :3] * values[:3] @ right[:3]
    assert_close(changes_in(out), nearest, 1e-4)


@pytest.mark.parametrize("form", ["flat", "kernel"])
@pytest.mark.parametrize("alpha", [torch.tensor([4.0]), torch.tensor([[4.0]]), torch.tensor(4)], ids=str)
def test_maps_of_1x1_kernels_may_be_flat_and_those_of_matrices_kernels(
    run_tool: RunTool, tmp_path: Path, form: str, alpha: Tensor
) -> None:
    tensors, wanted = {}, {}
    for number, target in enumerate(chosen("sd1", "attn1_to_q", "proj_in", "conv_shortcut")):
        up, down = pair(target, 8, number)
        wanted[target.file_key] = product(up, down) / 2
        if form == "flat" and tuple(target.module.weight.shape[2:]) == (1, 1):
            up, down = up.flatten(1), down.flatten(1)
        elif form == "kernel" and target.module.weight.dim() == 2:
            up, down = up[:, :, None, None], down[:, :, None, None]
        key = target.file_key
        tensors |= {f"{key}.lora_up.weight": up.contiguous(), f"{key}.lora_down.weight": down.contiguous(),
                    f"{key}.alpha": alpha.clone()}  # fmt: skip
    path = tmp_path / "a.safetensors"
    save_file(tensors, path)
    for tool, settings in {
        "resize_lora": {"adapter": path, "tool_rank": 8}, "convert_lora": {"adapter": path},
        "merge_lora": {"adapters": path},
    }.items():  # fmt: skip
        out = tmp_path / f"{tool}.safetensors"
        assert run_tool(tool, save_to=out, result_precision="float", **settings)[-1]["status"] == "completed"
        assert_close(changes_in(out), wanted)


def test_sdxl_that_says_nothing_of_itself_keeps_its_names(run_tool: RunTool, tmp_path: Path) -> None:
    tensors, wanted = {}, {}
    layers = chosen("sdxl", "attn1_to_q", "in_layers_2", "skip_connection")
    for number, target in enumerate(layers):
        up, down = pair(target, 4, number)
        tensors |= {f"{target.file_key}.lora_up.weight": up, f"{target.file_key}.lora_down.weight": down}
        wanted[target.file_key] = product(up, down)
    path = tmp_path / "silent.safetensors"
    save_file(tensors, path)
    facts = dict(table(run_tool("inspect", inspected=path), "facts"))
    assert facts["base"] == "SDXL"
    for tool, settings in (("convert_lora", {"adapter_format": "kohya"}), ("resize_lora", {"tool_rank": 4})):
        out = tmp_path / f"{tool}.safetensors"
        run_tool(tool, adapter=path, save_to=out, result_precision="float", **settings)
        assert_close(changes_in(out), wanted)
    out = tmp_path / "diffusers.safetensors"
    run_tool("convert_lora", adapter=path, adapter_format="diffusers", save_to=out)
    assert {f"unet.{one.paths[0]}.lora_A.weight" for one in layers} <= load_file(out).keys()


def test_sdxl_that_calls_itself_sd_1_is_merged_into_sdxl_and_not_into_sd_1(run_tool: RunTool, tmp_path: Path) -> None:
    tensors = {}
    for number, target in enumerate(chosen("sdxl", "attn1_to_q")):
        up, down = pair(target, 4, number)
        tensors |= {f"{target.file_key}.lora_up.weight": up, f"{target.file_key}.lora_down.weight": down}
    path, out = tmp_path / "lies.safetensors", tmp_path / "merged.safetensors"
    save_file(tensors, path, {"ss_base_model_version": "sd_v1"})
    events = run_tool("merge_lora", merge_model=model_file("sdxl"), adapters=path, save_to=out)
    assert events[-1]["status"] == "completed"
    before, after = load_file(model_file("sdxl")), load_file(out)
    assert sum(not torch.equal(before[name].float(), after[name].float()) for name in before) == len(tensors) // 2
    other = tmp_path / "no.safetensors"
    assert errors(run_tool("merge_lora", merge_model=model_file("sd1"), adapters=path, save_to=other))
    assert not other.exists()


@pytest.mark.parametrize("naming", ["lora_unet_", "unet.", "base_model.model."])
def test_magnitudes_as_ai_toolkit_names_them_are_those_of_dora(
    run_tool: RunTool, tmp_path: Path, naming: str
) -> None:
    """Each is the length of a row of the weight, by output: W' = m (W + BA) / |W + BA|."""
    tensors, wanted = {}, {}
    ours = naming == "lora_unet_"
    for number, target in enumerate(chosen("sd1", "attn1_to_q", "ff_net_2")):
        up, down = pair(target, 4, number)
        weight = target.module.weight.detach()
        magnitudes = weight.norm(dim=1) * torch.linspace(0.9, 1.2, len(weight))
        start = target.file_key if ours else naming + target.paths[0]
        sides = ("lora_up", "lora_down") if ours else ("lora_B", "lora_A")
        tensors |= {f"{start}.{sides[0]}.weight": up, f"{start}.{sides[1]}.weight": down,
                    f"{start}.magnitude": magnitudes}  # fmt: skip
        changed = weight.double() + product(up, down)
        wanted[target.file_key] = magnitudes.double()[:, None] * changed / changed.norm(dim=1, keepdim=True) - weight
    path, out = tmp_path / "dora.safetensors", tmp_path / "merged.safetensors"
    save_file(tensors, path)
    events = run_tool("merge_lora", merge_model=model_file("sd1"), adapters=path, save_to=out, result_precision="float")
    assert events[-1]["status"] == "completed"
    before, after = load_file(model_file("sd1")), load_file(out)
    differ = [(after[name] - one).double() for name, one in before.items() if not torch.equal(one, after[name])]
    assert len(differ) == len(wanted)
    for change in wanted.values():
        found = min(differ, key=lambda one: float((one - change).norm()) if one.shape == change.shape else float("inf"))
        assert float((found - change).norm() / change.norm()) < 1e-4
    converted = tmp_path / "converted.safetensors"
    assert run_tool("convert_lora", adapter=path, save_to=converted)[-1]["status"] == "completed"
    assert sum(name.endswith(".dora_scale") for name in load_file(converted)) == len(wanted)

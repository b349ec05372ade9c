"""Merging adapters: into a checkpoint and into one another, exactly, at any strengths, of any algorithms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.train_core.workshop.conftest import (
    RunTool,
    Write,
    errors,
    family,
    load,
    model_file,
    prediction,
    random_adapter,
)
from train_core.networks.files.merging import change_by
from train_core.networks.files.reading import read_adapter

MIX: list[dict[str, Any]] = [
    {}, {"conv_dim": 3}, {"LoRA_type": "LoHa", "network_dim": 2, "seed": 3}, {"LoRA_type": "LoKr", "seed": 4},
    {"LoRA_type": "Full", "seed": 5, "size": 0.01}, {"dora_wd": True, "seed": 6},
    {"LoRA_type": "IA3", "LyCORIS_preset": "ia3", "seed": 7}, {"LoRA_type": "Diag-OFT", "seed": 8},
    {"LoRA_type": "GLoRA", "seed": 9}, {"conv_dim": 2, "use_tucker": True, "seed": 10},
    {"LyCORIS_preset": "full", "train_norm": True, "LoRA_type": "Full", "seed": 11, "size": 0.01},
]  # fmt: skip


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def deltas(path: Path) -> dict[str, torch.Tensor]:
    """The full change of every layer that a file changes."""
    file = read_adapter(path)
    shapes = {target.file_key: target.module.weight.shape for target in family("sd1").targets()}
    return {key: change_by(module, shapes[key], None) for key, module in file.modules.items()}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [*[("sd1", settings) for settings in MIX], *[(kind, MIX[n]) for kind in ("sd2", "sdxl") for n in (0, 1, 5, 10)]],
    ids=str,
)
def test_the_merged_model_predicts_what_model_and_adapter_do(
    kind: str, settings: dict[str, Any], write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    adapter = random_adapter(kind, **settings)
    without = prediction(family(kind))
    adapter.attach()
    expected = prediction(family(kind))
    adapter.detach()
    result = tmp_path / "merged.safetensors"
    run_tool("merge_lora", merge_model=model_file(kind), adapters=write("a", kind, **settings), save_to=result)
    assert difference(prediction(load(result)), expected) < 1e-5
    assert difference(without, expected) > 1e-3  # the adapter is no small matter


@pytest.mark.parametrize("strength", [0.5, -1.0, 0.0, 2.0])
def test_a_strength_is_that_share_of_the_change(
    strength: float, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    file, result = write("a"), tmp_path / "merged.safetensors"
    run_tool("merge_lora", merge_model=model_file("sd1"), adapters=file, strengths=strength, save_to=result)
    merged, base = load(result), family("sd1")
    changes = deltas(file)
    weights = {target.file_key: target.module.weight for target in merged.targets()}
    for target in base.targets():
        change = strength * changes[target.file_key] if target.file_key in changes else 0.0
        assert torch.allclose(weights[target.file_key], target.module.weight + change, atol=1e-6)


def test_other_tensors_of_the_checkpoint_stay_byte_for_byte(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "merged.safetensors"
    run_tool("merge_lora", merge_model=model_file("sd1"), adapters=write("a"), save_to=result)
    before, after = load_file(model_file("sd1")), load_file(result)
    assert before.keys() == after.keys()
    assert all(before[name].dtype == after[name].dtype for name in before)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("first_stage_model"))


@pytest.mark.parametrize(
    ("one", "other"),
    [({}, {"seed": 1}), ({"conv_dim": 3}, {"network_dim": 7, "seed": 1}), ({}, {"LoRA_type": "LoHa", "network_dim": 2}),
     ({"LoRA_type": "LoKr"}, {"seed": 2}), ({"LoRA_type": "Full"}, {"conv_dim": 2, "use_tucker": True}),
     ({"LyCORIS_preset": "full", "train_norm": True, "LoRA_type": "Full"}, {"seed": 3})],
    ids=str,
)  # fmt: skip
def test_two_adapters_become_the_sum_of_their_changes(
    one: dict[str, Any], other: dict[str, Any], write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    first, second, result = write("a", **one), write("b", **other), tmp_path / "both.safetensors"
    run_tool("merge_lora", adapters=[first, second], strengths=["0.75", "-1.5"], save_to=result)
    ours, theirs, found = deltas(first), deltas(second), deltas(result)
    assert found.keys() == ours.keys() | theirs.keys()
    for key, change in found.items():
        expected = 0.75 * ours.get(key, torch.zeros(())) - 1.5 * theirs.get(key, torch.zeros(()))
        assert torch.allclose(change, expected.expand_as(change), atol=1e-6)


def test_svd_gives_the_nearest_adapter_of_the_rank(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    first, second, result = write("a"), write("b", LoRA_type="LoKr", seed=2), tmp_path / "both.safetensors"
    run_tool("merge_lora", adapters=[first, second], merge_method="svd", tool_rank=3, save_to=result)
    ours, theirs, found = deltas(first), deltas(second), deltas(result)
    for key, change in found.items():
        whole = (ours[key] + theirs[key]).flatten(1).double()
        u, s, vh = torch.linalg.svd(whole, full_matrices=False)
        nearest = (u[:, :3] * s[:3]) @ vh[:3]
        assert difference(change.flatten(1).double(), nearest) < 1e-5
    assert all(len(t) == 3 for name, t in load_file(result).items() if name.endswith("lora_down.weight"))


def test_block_weights_act_where_they_say(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    file, result = write("a", conv_dim=2), tmp_path / "part.safetensors"
    run_tool("merge_lora", adapters=file, strengths="0.5 OUTALL", save_to=result)
    whole, part = deltas(file), deltas(result)
    kept = {key for key in whole if "up_blocks" in key or "text_model" in key}
    assert part.keys() == kept
    assert all(torch.allclose(part[key], 0.5 * whole[key], atol=1e-6) for key in kept)


def test_own_block_lines_are_used_by_their_names(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    line = "FACE:0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0"
    (tmp_path / "home" / "block_weights.txt").write_text(f"# mine\n{line}\n", encoding="utf-8")
    file, result = write("a"), tmp_path / "part.safetensors"
    run_tool("merge_lora", adapters=file, strengths="face", save_to=result)
    assert all("mid_block" in key for key in deltas(result))


def test_what_is_said_of_the_result_is_what_loaders_look_for(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "both.safetensors"
    run_tool("merge_lora", adapters=[write("a", "sdxl"), write("b", "sdxl", seed=1)], save_to=result)
    with safe_open(result, "pt") as file:
        said = file.metadata()
    assert said["ss_base_model_version"] == "sdxl_base_v1-0"
    assert said["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert said["ss_network_dim"] == "8"
    assert said["modelspec.merged_from"] == "a, b"
    assert len(said["sshs_model_hash"]) == 64


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"strengths": ["1", "1"]}, "more_strengths_than_adapters"),
        ({"strengths": "1 OUTAL"}, "block_preset_unknown"),
        ({"strengths": "1,0,1"}, "block_weights_unreadable"),
        ({"strengths": ",".join("1" * 12)}, "block_weights_of_another_kind"),
    ],
)
def test_strengths_that_mean_nothing_are_refused(
    settings: dict[str, Any], code: str, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    result = tmp_path / "result.safetensors"
    assert errors(run_tool("merge_lora", adapters=write("a"), save_to=result, **settings)) == [code]
    assert not result.exists()


def test_adapters_for_different_bases_are_refused(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    result, other = tmp_path / "result.safetensors", write("b", "sdxl")
    assert errors(run_tool("merge_lora", adapters=[write("a"), other], save_to=result)) == [
        "adapters_of_different_bases"
    ]
    into = run_tool("merge_lora", merge_model=model_file("sd1"), adapters=other, save_to=result)
    assert errors(into) == ["adapter_of_another_base"]
    assert not result.exists()


def test_what_needs_a_base_is_refused_without_one(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "result.safetensors"
    for settings in ({"dora_wd": True}, {"LoRA_type": "Diag-OFT"}):
        assert errors(run_tool("merge_lora", adapters=write("a", **settings), save_to=result)) == ["change_needs_base"]
    assert not result.exists()


def test_the_stack_of_two_is_the_same_however_they_are_merged(
    write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    first, second = write("a"), write("b", seed=1)
    at_once, both, in_turn = (tmp_path / f"{name}.safetensors" for name in ("at_once", "both", "in_turn"))
    run_tool("merge_lora", merge_model=model_file("sd1"), adapters=[first, second], save_to=at_once)
    run_tool("merge_lora", adapters=[first, second], save_to=both)
    run_tool("merge_lora", merge_model=model_file("sd1"), adapters=both, save_to=in_turn)
    assert difference(prediction(load(in_turn)), prediction(load(at_once))) < 1e-5

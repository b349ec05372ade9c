"""Lower ranks, and adapters out of checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.train_core.workshop.conftest import RunTool, Write, errors, family, model_file, random_adapter, table
from tests.train_core.workshop.test_merge_lora import deltas, difference
from train_core.networks.files.merging import change_by
from train_core.networks.files.reading import read_adapter


def test_at_full_rank_nothing_changes(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    file, result = write("a", conv_dim=4), tmp_path / "same.safetensors"
    events = run_tool("resize_lora", adapter=file, tool_rank=4, save_to=result)
    before, after = deltas(file), deltas(result)
    assert all(difference(after[key], before[key]) < 1e-5 for key in before)
    assert table(events, "resized")[-1][-1] == 1.0


@pytest.mark.parametrize("rank", [1, 3])
def test_at_a_rank_it_is_the_truncated_svd_of_the_whole_change(
    rank: int, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    file, result = write("a", conv_dim=4, network_alpha=3), tmp_path / "less.safetensors"
    events = run_tool("resize_lora", adapter=file, tool_rank=rank, save_to=result)
    before, after, kept, total = deltas(file), deltas(result), 0.0, 0.0
    for key, change in before.items():
        u, s, vh = torch.linalg.svd(change.flatten(1).double(), full_matrices=False)
        assert difference(after[key].flatten(1).double(), (u[:, :rank] * s[:rank]) @ vh[:rank]) < 1e-5
        kept, total = kept + float(s[:rank].square().sum()), total + float(s.square().sum())
    block, layers, rank_before, rank_after, norm, share = table(events, "resized")[-1]
    assert (block, layers, rank_before, rank_after) == ("all", len(before), 4, rank)
    assert norm == pytest.approx(total**0.5, rel=1e-3)
    assert share == pytest.approx((kept / total) ** 0.5, abs=1e-4)


def test_alpha_keeps_its_share_of_the_rank(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "less.safetensors"
    run_tool("resize_lora", adapter=write("a", network_alpha=3), tool_rank=2, save_to=result)
    assert {float(t) for name, t in load_file(result).items() if name.endswith("alpha")} == {1.5}
    with safe_open(result, "pt") as file:
        assert file.metadata()["ss_network_dim"] == "2"


@pytest.mark.parametrize("method", ["sv_ratio", "sv_fro", "sv_cumulative"])
def test_dynamic_ranks_differ_and_stay_under_the_limit(
    method: str, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    result = tmp_path / "less.safetensors"
    value = {"sv_ratio": 1.6, "sv_fro": 0.8, "sv_cumulative": 0.5}[method]
    file = write("a", network_dim=12)
    run_tool("resize_lora", adapter=file, resize_method=method, resize_value=value, tool_rank=7, save_to=result)
    ranks = {len(t) for name, t in load_file(result).items() if name.endswith("lora_down.weight")}
    assert len(ranks) > 1
    assert max(ranks) <= 7
    with safe_open(result, "pt") as opened:
        assert opened.metadata()["ss_network_dim"] == "Dynamic"


def test_convolutions_may_have_a_rank_of_their_own(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "less.safetensors"
    run_tool("resize_lora", adapter=write("a", conv_dim=4), tool_rank=3, tool_conv_rank=1, save_to=result)
    ranks = {
        (t.dim() == 4 and t.shape[-1] == 3, len(t)) for name, t in load_file(result).items() if "lora_down" in name
    }
    assert ranks == {(False, 3), (True, 1)}


@pytest.mark.parametrize("settings", [{"LoRA_type": "LoHa"}, {"LoRA_type": "LoKr"}])
def test_what_has_no_rank_is_refused(
    settings: dict[str, Any], write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    result = tmp_path / "less.safetensors"
    assert errors(run_tool("resize_lora", adapter=write("a", **settings), save_to=result)) == ["resize_only_lora"]
    assert not result.exists()


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
@pytest.mark.parametrize("form", ["LoRA", "LoCon"])
def test_a_planted_difference_is_recovered(
    kind: str, form: str, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    conv = {"conv_dim": 3} if form == "LoCon" else {}
    planted, tuned, result = write("a", kind, **conv), tmp_path / "tuned.safetensors", tmp_path / "found.safetensors"
    run_tool("merge_lora", merge_model=model_file(kind), adapters=planted, save_to=tuned)
    extracted = {"tuned_model": tuned, "base_model": model_file(kind), "extract_type": form, "save_to": result}
    events = run_tool("extract_lora", **extracted, tool_rank=4, result_precision="float")
    shapes = {target.file_key: target.module.weight.shape for target in family(kind).targets()}
    before, after = read_adapter(planted).modules, read_adapter(result).modules
    assert before.keys() == after.keys()
    for key, module in before.items():
        ours, theirs = (change_by(one, shapes[key], None) for one in (after[key], module))
        assert difference(ours, theirs) < 1e-4  # the checkpoint's fp32 weights are far larger than the change
    assert table(events, "extracted")[-1][-1] > 0.9999


def test_lokr_is_the_nearest_kronecker_product(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    planted = write("a", LoRA_type="LoKr", full_matrix=True)
    tuned, result = tmp_path / "tuned.safetensors", tmp_path / "found.safetensors"
    run_tool("merge_lora", merge_model=model_file("sd1"), adapters=planted, save_to=tuned)
    run_tool(
        "extract_lora", tuned_model=tuned, base_model=model_file("sd1"), extract_type="LoKr", save_to=result,
        result_precision="float",
    )
    before, after = deltas(planted), deltas(result)
    assert all(difference(after[key], before[key]) < 1e-4 for key in before)


@pytest.mark.parametrize(("method", "value"), [("quantile", 0.5), ("threshold", 0.05)])
def test_ranks_by_quantile_or_threshold(
    method: str, value: float, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    tuned, result = tmp_path / "tuned.safetensors", tmp_path / "found.safetensors"
    run_tool("merge_lora", merge_model=model_file("sd1"), adapters=write("a", network_dim=8), save_to=tuned)
    run_tool(
        "extract_lora", tuned_model=tuned, base_model=model_file("sd1"), extract_method=method, extract_value=value,
        save_to=result,
    )
    ranks = {len(t) for name, t in load_file(result).items() if name.endswith("lora_down.weight")}
    assert len(ranks) > 1


def test_the_same_model_twice_is_told(run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "found.safetensors"
    same = {"tuned_model": model_file("sd1"), "base_model": model_file("sd1")}
    assert errors(run_tool("extract_lora", **same, save_to=result)) == ["nothing_to_extract"]
    other = {"tuned_model": model_file("sdxl"), "base_model": model_file("sd1")}
    assert errors(run_tool("extract_lora", **other, save_to=result)) == ["models_of_different_kinds"]
    assert not result.exists()


def test_a_dylora_is_cut_between_its_units(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    file, result = write("a", LoRA_type="DyLoRA", network_dim=6), tmp_path / "cut.safetensors"
    run_tool("split_dylora", adapter=file, unit=2, save_to=result)
    layer = next(iter(random_adapter("sd1", LoRA_type="DyLoRA", network_dim=6).layers.items()))
    key, whole = layer
    for rank in (2, 4, 6):
        part = deltas(tmp_path / f"cut-{rank:04d}.safetensors")[key]
        up, down = whole.lora_up[:, :rank].detach(), whole.lora_down[:rank].detach()
        expected = up @ down * (2 / 6) * (6 / rank) ** 0.5  # as strong as while it was trained
        assert torch.allclose(part, expected, atol=1e-6)
    assert len(list(tmp_path.glob("cut*"))) == 3

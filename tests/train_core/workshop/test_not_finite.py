"""Tools write no values that are not numbers, and say whether these were in the input or came of the calculation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import tiny_file
from tests.train_core.workshop.conftest import RunTool, Write, errors


def spoilt(source: Path, target: Path, part: str, value: float = float("nan")) -> str:
    """Copy `source` with one value of the first tensor whose name ends in `part` replaced; the tensor's name."""
    state = load_file(source)
    name = next(name for name in sorted(state) if name.endswith(part))
    state[name].view(-1)[0] = value
    save_file(state, target)
    return name


ON_ADAPTERS: dict[str, dict[str, Any]] = {
    "merge_lora": {}, "resize_lora": {"tool_rank": 2}, "convert_lora": {"adapter_format": "diffusers"},
    "split_dylora": {"unit": 2}, "into_a_model": {},
}  # fmt: skip


@pytest.mark.parametrize("tool", ON_ADAPTERS)
def test_an_adapter_with_broken_values_is_named_and_nothing_is_written(
    tool: str, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    bad, result = tmp_path / "bad.safetensors", tmp_path / "result.safetensors"
    name = spoilt(write("good"), bad, "lora_up.weight")
    given: dict[str, Any] = {"adapter": bad} if tool not in ("merge_lora", "into_a_model") else {"adapters": bad}
    if tool == "into_a_model":
        given["merge_model"] = tiny_file()
    events = run_tool("merge_lora" if tool == "into_a_model" else tool, save_to=result, **given, **ON_ADAPTERS[tool])
    (error,) = [event for event in events if event["kind"] == "error"]
    assert error["code"] == "file_not_finite"
    assert error["params"] == {"file": str(bad), "name": name}
    assert {path.name for path in tmp_path.glob("*.*")} == {"good.safetensors", "bad.safetensors"}


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("convert_model", {"model_file": "{bad}"}),
        ("convert_model", {"model_file": "{bad}", "model_format": "ckpt", "save_to": "{folder}/result.ckpt"}),
        ("convert_model", {"model_file": "{bad}", "model_format": "diffusers", "save_to": "{folder}/result"}),
        ("merge_models", {"model_a": "{good}", "model_b": "{bad}"}),
        ("extract_lora", {"base_model": "{good}", "tuned_model": "{bad}"}),
    ],
)
def test_a_model_with_broken_values_is_named_and_nothing_is_written(
    tool: str, given: dict[str, str], run_tool: RunTool, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.safetensors"
    name = spoilt(tiny_file(), bad, "attn1.to_k.weight", float("inf"))
    words = {"bad": str(bad), "good": str(tiny_file()), "folder": str(tmp_path)}
    values = {key: value.format(**words) for key, value in {"save_to": "{folder}/result.safetensors", **given}.items()}
    (error,) = [event for event in run_tool(tool, **values) if event["kind"] == "error"]
    assert error["params"] == {"file": str(bad), "name": name}
    assert not list(tmp_path.glob("result*"))


def test_strengths_that_are_too_large_are_told_as_such(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "result.safetensors"
    for given in ({"merge_model": tiny_file()}, {}):
        assert errors(run_tool("merge_lora", adapters=write("a"), strengths="1e39", save_to=result, **given)) == [
            "result_not_finite"
        ]
        assert not result.exists()


def test_values_too_large_for_the_number_format_are_told_as_such(
    write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    result, large = tmp_path / "result.safetensors", tmp_path / "large.safetensors"
    spoilt(write("a"), large, "lora_up.weight", 1e6)
    for tool, given in (("convert_lora", {"adapter": large}), ("merge_lora", {"adapters": large})):
        assert errors(run_tool(tool, save_to=result, result_precision="fp16", **given)) == ["result_too_large"]
        assert not result.exists()
        run_tool(tool, save_to=result, result_precision="bf16", **given)
        assert all(bool(torch.isfinite(tensor).all()) for tensor in load_file(result).values())
        result.unlink()


def test_within_a_folder_the_file_is_called_by_its_final_name(run_tool: RunTool, tmp_path: Path) -> None:
    large, result = tmp_path / "large.safetensors", tmp_path / "result"
    spoilt(tiny_file(), large, "attn1.to_k.weight", 1e6)
    given = {"model_file": large, "model_format": "diffusers", "result_precision": "fp16"}
    events = run_tool("convert_model", save_to=result, **given)
    (error,) = [event for event in events if event["kind"] == "error"]
    assert error["code"] == "result_too_large"
    named = Path(error["params"]["file"])
    assert result in named.parents
    assert named.name.endswith(".safetensors")
    assert not result.exists()


def test_metadata_of_a_broken_adapter_are_edited_and_its_broken_tensors_named(
    write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    good, bad = write("good"), tmp_path / "bad.safetensors"
    name = spoilt(good, bad, "lora_up.weight", float("inf"))
    for source, named in ((good, []), (bad, [{"file": str(bad), "name": name}])):
        events = run_tool("edit_metadata", adapter=source, edit_title="A title")
        assert events[-1]["status"] == "completed"
        warnings = [event for event in events if event["kind"] == "warning"]
        assert [event["params"] for event in warnings if event["code"] == "file_not_finite"] == named
    assert load_file(bad).keys() == load_file(good).keys()

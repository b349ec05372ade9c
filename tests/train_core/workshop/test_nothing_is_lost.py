"""Everything that a tool reads is used, written or named: embeddings, biases, projections, alphas, number formats."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from tests.tiny import tiny_modules
from tests.train_core.workshop.common.test_checkpoints import notices
from tests.train_core.workshop.conftest import RunTool, Write, family, model_file
from tests.train_core.workshop.test_merge_lora import deltas, difference
from train_core.config.problems import UserError
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.networks.files.reading import read_adapter
from train_core.networks.starting import adapter_of
from train_core.workshop.common.changes import change_of, dense

EMBEDDING = {"bundle_emb.word.string_to_param.*": torch.full((2, 64), 0.3)}
LAYER = "lora_unet_mid_block_attentions_0_proj_in"  # a convolution with a bias, as is the next one
OTHER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0"
WITHOUT_BIAS = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
BIASES = {f"{OTHER}.diff_b": torch.linspace(-1, 1, 32)}


@pytest.fixture
def richer(write: Write, tmp_path: Path) -> Any:
    """Writes a random LoRA with more tensors, and alphas that half precision would round."""

    def written(name: str, more: dict[str, torch.Tensor], alpha: float | None = None, **settings: Any) -> Path:
        tensors = load_file(write(name, **settings)) | more
        if alpha is not None:
            tensors |= {key: torch.tensor(alpha) for key in tensors if key.endswith(".alpha")}
        said = {"ss_base_model_version": "sdxl_base_v1-0" if settings.get("kind") == "sdxl" else "sd_v1"}
        save_file(tensors, tmp_path / f"{name}.safetensors", said)
        return tmp_path / f"{name}.safetensors"

    return written


TOOLS = {
    "resize_lora": {"tool_rank": 2}, "convert_lora": {}, "split_dylora": {"unit": 4}, "merge_lora": {},
}  # fmt: skip


def result_of(tool: str, file: Path, run_tool: RunTool, tmp_path: Path, **settings: Any) -> tuple[Path, list[Any]]:
    result = tmp_path / f"{tool}.safetensors"
    events = run_tool(tool, save_to=result, **{"adapters" if tool == "merge_lora" else "adapter": file},
                      **TOOLS[tool], **settings)  # fmt: skip
    assert events[-1]["status"] == "completed", events
    return (tmp_path / f"{tool}-0004.safetensors" if tool == "split_dylora" else result), events


@pytest.mark.parametrize("tool", TOOLS)
def test_embeddings_and_biases_come_along(tool: str, richer: Any, run_tool: RunTool, tmp_path: Path) -> None:
    result, _ = result_of(tool, richer("a", EMBEDDING | BIASES), run_tool, tmp_path)
    found = load_file(result)
    for name, value in (EMBEDDING | BIASES).items():
        assert torch.equal(found[name], value)


@pytest.mark.parametrize("tool", TOOLS)
def test_alphas_stay_exact_in_half_precision(tool: str, richer: Any, run_tool: RunTool, tmp_path: Path) -> None:
    file = richer("a", {}, alpha=1.3, dtype=torch.bfloat16)
    result, _ = result_of(tool, file, run_tool, tmp_path)
    before, after = deltas(file), deltas(result)
    assert {value.dtype for name, value in load_file(result).items() if not name.endswith("alpha")} == {torch.bfloat16}
    if tool == "resize_lora":  # the strength alone: the rank was lowered
        module = next(iter(read_adapter(result).modules.values())).read()
        assert float(module["alpha"]) / len(module["lora_down.weight"]) == pytest.approx(1.3 / 4, rel=1e-6)
        return
    assert max(float((after[key] - before[key]).norm() / before[key].norm()) for key in before) < (
        1e-6 if tool in ("convert_lora", "split_dylora") else 6e-3
    )


def test_embeddings_of_several_adapters_are_joined_and_a_conflict_is_named(
    richer: Any, run_tool: RunTool, tmp_path: Path
) -> None:
    second = {"bundle_emb.other.emb_params": torch.ones(1, 64)} | {n: value + 1 for n, value in EMBEDDING.items()}
    files = [richer("a", EMBEDDING), richer("b", second, seed=1)]
    events = run_tool("merge_lora", adapters=files, save_to=tmp_path / "both.safetensors")
    found = load_file(tmp_path / "both.safetensors")
    assert all(torch.equal(found[name], value) for name, value in EMBEDDING.items())
    assert torch.equal(found["bundle_emb.other.emb_params"], torch.ones(1, 64))
    assert "bundle_emb.word" in notices(events, "warning")["adapter_embeddings_twice"]


def test_a_checkpoint_takes_biases_and_names_what_it_has_no_place_for(
    richer: Any, run_tool: RunTool, tmp_path: Path
) -> None:
    lost = {f"{WITHOUT_BIAS}.diff_b": torch.ones(32)}
    file, result = richer("a", EMBEDDING | BIASES | lost), tmp_path / "m.safetensors"
    events = run_tool("merge_lora", merge_model=model_file("sd1"), adapters=file, strengths="0.5", save_to=result)
    said = notices(events, "warning")["adapter_parts_left_out"]
    assert all(name in said for name in (*EMBEDDING, *lost, "2 of its parts"))
    name = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_out.0.bias"
    before, after = load_file(model_file("sd1"))[name], load_file(result)[name]
    assert torch.allclose(after - before, 0.5 * BIASES[f"{OTHER}.diff_b"], atol=1e-6)
    plain = run_tool("merge_lora", merge_model=model_file("sd1"), adapters=richer("b", BIASES),
                     save_to=tmp_path / "n.safetensors")  # fmt: skip
    assert not notices(plain, "warning")


@pytest.mark.parametrize("names", ["diffusers", "PEFT"])
def test_other_names_take_biases_and_say_what_they_leave_out(
    names: str, richer: Any, run_tool: RunTool, tmp_path: Path
) -> None:
    file = richer("a", EMBEDDING | BIASES, network_train_unet_only=True)
    folder = tmp_path / names
    events = run_tool("convert_lora", adapter=file, adapter_format=names, save_to=folder / "adapter_model.safetensors")
    assert "bundle_emb.word" in notices(events, "warning")["format_leaves_out"]
    found = load_file(folder / "adapter_model.safetensors")
    (bias,) = [value for name, value in found.items() if name.endswith("lora_B.bias")]
    assert torch.equal(bias, BIASES[f"{OTHER}.diff_b"])


def test_files_in_fp16_and_bf16_lose_nothing_when_they_are_merged(
    write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    files = [write("a", dtype=torch.float16), write("b", dtype=torch.bfloat16, seed=1)]
    run_tool("merge_lora", adapters=files, save_to=tmp_path / "both.safetensors")
    found, (one, other) = deltas(tmp_path / "both.safetensors"), (deltas(file) for file in files)
    assert max(difference(found[key], one[key] + other[key]) for key in found) < 1e-6


PROJECTION = "lora_te2_text_projection"


@pytest.fixture
def projecting(richer: Any) -> tuple[Path, torch.Tensor]:
    """An SDXL LoRA that also changes the matrix that makes the pooled text, and that change."""
    generator = torch.Generator().manual_seed(5)
    up, down = torch.randn(96, 4, generator=generator), torch.randn(4, 128, generator=generator)
    more = {"lora_up.weight": up, "lora_down.weight": down, "alpha": torch.tensor(2.0)}
    file = richer("p", {f"{PROJECTION}.{name}": value for name, value in more.items()}, kind="sdxl")
    return file, up @ down * 0.5


def test_the_projection_of_the_pooled_text_is_merged(
    projecting: tuple[Path, torch.Tensor], run_tool: RunTool, tmp_path: Path
) -> None:
    file, change = projecting
    events = run_tool("merge_lora", merge_model=model_file("sdxl"), adapters=file, save_to=tmp_path / "m.safetensors")
    assert not notices(events, "warning")
    name = "conditioner.embedders.1.model.text_projection"  # (in, out) in this layout
    moved = load_file(tmp_path / "m.safetensors")[name] - load_file(model_file("sdxl"))[name]
    assert difference(moved.T, change) < 1e-5
    assert PROJECTION not in {target.file_key for target in family("sdxl").targets()}  # no training takes it


def test_a_projection_that_a_model_does_not_use_is_left_out_by_name(
    richer: Any, run_tool: RunTool, tmp_path: Path
) -> None:
    more = {"lora_up.weight": torch.ones(64, 4), "lora_down.weight": torch.ones(4, 64)}
    file = richer("a", {f"lora_te_text_projection.{name}": value for name, value in more.items()})
    events = run_tool("merge_lora", merge_model=model_file("sd1"), adapters=file, save_to=tmp_path / "m.safetensors")
    assert "lora_te_text_projection" in notices(events, "warning")["adapter_parts_left_out"]


def test_the_projection_keeps_its_place_under_every_programs_names(
    projecting: tuple[Path, torch.Tensor], run_tool: RunTool, tmp_path: Path
) -> None:
    file, change = projecting
    theirs, back = tmp_path / "d.safetensors", tmp_path / "k.safetensors"
    run_tool("convert_lora", adapter=file, adapter_format="diffusers", save_to=theirs)
    assert {name for name in load_file(theirs) if "projection" in name or ".." in name} == {
        f"text_encoder_2.text_projection.lora_{side}.weight" for side in "AB"
    }
    run_tool("convert_lora", adapter=theirs, save_to=back)
    assert read_adapter(back).modules.keys() == read_adapter(file).modules.keys()
    assert difference(dense(change_of(read_adapter(back).modules[PROJECTION])), change) < 1e-5


def test_an_extraction_names_what_it_leaves(run_tool: RunTool, tmp_path: Path) -> None:
    tensors = load_file(model_file("sd1"))
    unet = "model.diffusion_model."
    for name in (f"{unet}input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight", f"{unet}out.0.weight",
                 f"{unet}input_blocks.1.0.in_layers.2.weight", f"{unet}input_blocks.1.0.in_layers.2.bias"):
        tensors[name] = tensors[name] + 0.1
    save_file(tensors, tmp_path / "tuned.safetensors")
    for algorithm, left in (("LoRA", 3), ("LoCon", 2)):
        result = tmp_path / f"{algorithm}.safetensors"
        events = run_tool("extract_lora", tuned_model=tmp_path / "tuned.safetensors", base_model=model_file("sd1"),
                          extract_type=algorithm, save_to=result)  # fmt: skip
        said = notices(events)["differences_not_extracted"]
        assert said.startswith(f"{left} more tensors differ")
        assert "conv_norm_out.weight" in said or left == 3
        assert len(read_adapter(result).modules) == 4 - left


def test_a_training_that_starts_from_it_says_that_it_is_not_trained(projecting: tuple[Path, torch.Tensor]) -> None:
    its = family("sdxl")
    algorithm = AlgorithmSettings(network_weights=str(projecting[0]), dim_from_weights=True)
    with pytest.raises(UserError) as refused:
        adapter_of(its.targets(), NetworkSettings(), algorithm, its, 0)
    assert [(one.code, one.params["name"]) for one in refused.value.problems] == [("network_weights_lost", PROJECTION)]


def test_peft_adds_the_bias(richer: Any, run_tool: RunTool, tmp_path: Path) -> None:
    file, result = richer("a", BIASES, network_train_unet_only=True), tmp_path / "peft" / "adapter_model.safetensors"
    run_tool("convert_lora", adapter=file, adapter_format="PEFT", save_to=result)
    (target,) = [target for target in family("sd1").targets() if target.file_key == OTHER]
    loaded = PeftModel.from_pretrained(copy.deepcopy(tiny_modules()["unet"]), tmp_path / "peft")
    layer, x = loaded.base_model.model.get_submodule(target.path), torch.randn(3, 32)
    weight, bias = target.module.weight + deltas(file)[OTHER], target.module.bias + BIASES[f"{OTHER}.diff_b"]
    assert torch.allclose(layer(x), torch.nn.functional.linear(x, weight, bias), atol=1e-5)


def sparse_numbers(layer: str, shape: tuple[int, int], whole: torch.dtype) -> dict[str, torch.Tensor]:
    """Two numbers beside a LoRA as LyCORIS's extraction leaves them; one row is beyond what fp16 counts exactly."""
    indices = torch.tensor([[1, shape[0] - 1], [0, 3]])
    return {
        f"{layer}.bias_indices": indices.to(whole), f"{layer}.bias_values": torch.tensor([0.5, -1.5]),
        f"{layer}.bias_size": torch.tensor(shape).to(whole),
    }  # fmt: skip


TALL = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_0_proj"
ROWS = 4099


@pytest.fixture
def tall(tmp_path: Path) -> Any:
    """Writes a LoRA of a layer with more rows than fp16 can count, and sparse numbers beside it."""

    def written(whole: torch.dtype = torch.int16) -> Path:
        torch.manual_seed(0)
        up, down = torch.randn(ROWS, 8) / 8, torch.randn(8, 32) / 8
        tensors = {f"{TALL}.lora_up.weight": up, f"{TALL}.lora_down.weight": down, f"{TALL}.alpha": torch.tensor(4.0)}
        path = tmp_path / "tall.safetensors"
        save_file(tensors | sparse_numbers(TALL, (ROWS, 32), whole), path, {"ss_base_model_version": "sd_v1"})
        return path

    return written


@pytest.mark.parametrize("tool", ["resize_lora", "convert_lora", "split_dylora"])
@pytest.mark.parametrize("whole", [torch.int16, torch.int64, torch.float32])
def test_sparse_numbers_keep_their_places_and_values_in_fp16(
    tool: str, whole: torch.dtype, tall: Any, run_tool: RunTool, tmp_path: Path
) -> None:
    before = tall(whole)
    after, _ = result_of(tool, before, run_tool, tmp_path, result_precision="fp16")
    assert load_file(after)[f"{TALL}.lora_up.weight"].dtype == torch.float16

    def sparse_part(file: Path) -> torch.Tensor:
        (module,) = read_adapter(file).modules.values()
        return dense(change_of(module)) - dense(change_of(module.without_sparse()))

    assert torch.allclose(sparse_part(after), sparse_part(before), atol=1e-3)
    assert sparse_part(after).abs().gt(0.1).nonzero().tolist() == [[1, 0], [ROWS - 1, 3]]


def test_a_resized_lora_is_cut_without_its_sparse_numbers(tall: Any, run_tool: RunTool, tmp_path: Path) -> None:
    before = tall()
    after, _ = result_of("resize_lora", before, run_tool, tmp_path)
    (one,), (other,) = (read_adapter(file).modules.values() for file in (before, after))
    u, s, v = torch.linalg.svd(dense(change_of(one.without_sparse())), full_matrices=False)
    assert torch.allclose(dense(change_of(other.without_sparse())), (u[:, :2] * s[:2]) @ v[:2], atol=1e-4)


def test_a_merge_by_concatenation_keeps_sparse_numbers(tall: Any, run_tool: RunTool, tmp_path: Path) -> None:
    before = tall()
    after, _ = result_of("merge_lora", before, run_tool, tmp_path)
    (one,), (other,) = (read_adapter(file).modules.values() for file in (before, after))
    assert difference(dense(change_of(other)), dense(change_of(one))) < 1e-5


def test_names_that_have_no_place_for_sparse_numbers_are_refused_naming_them(
    tall: Any, run_tool: RunTool, tmp_path: Path
) -> None:
    events = run_tool("convert_lora", adapter=tall(), adapter_format="diffusers", save_to=tmp_path / "d.safetensors")
    assert "bias_values" in notices(events, "error")["format_only_lora"]


@pytest.mark.parametrize("from_weights", [True, False])
def test_a_training_does_not_start_from_tensors_that_it_would_lose(richer: Any, from_weights: bool) -> None:
    its = family("sd1")
    network = NetworkSettings(network_dim=4, network_alpha=4)
    for more in (BIASES, sparse_numbers(OTHER, (32, 32), torch.int16)):
        algorithm = AlgorithmSettings(network_weights=str(richer("a", more)), dim_from_weights=from_weights)
        with pytest.raises(UserError) as refused:
            adapter_of(its.targets(), network, algorithm, its, 0)
        (found,) = refused.value.problems
        assert (found.code, found.params["name"]) == ("network_weights_parts_lost", min(more))

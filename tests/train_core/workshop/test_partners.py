"""Checkpoints that go together although one lacks a VAE, inpaints or predicts something else; and what is said then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.tiny_families import inpainting_tensors
from tests.train_core.workshop.common.test_checkpoints import notices
from tests.train_core.workshop.conftest import RunTool, Write, errors, model_file
from train_core.facts.models.headers import identify, recognise
from train_core.networks.files.reading import read_adapter

INPUT = "model.diffusion_model.input_blocks.0.0.weight"
VAE = "first_stage_model."
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes tensors to a file; with `seed`, its attention trained a little."""

    def saved(name: str, tensors: dict[str, Tensor], seed: int | None = None, **said: str) -> Path:
        generator = torch.Generator().manual_seed(seed or 0)
        if seed is not None:
            trained = {key for key, value in tensors.items() if key == INPUT or ("attn" in key and value.dim() == 2)}
            tensors = {
                key: value + 0.01 * torch.randn(value.shape, generator=generator) if key in trained else value
                for key, value in tensors.items()
            }
        metadata = {key.replace("_", ".", 1): value for key, value in said.items()}
        save_file(tensors, tmp_path / f"{name}.safetensors", metadata)
        return tmp_path / f"{name}.safetensors"

    return saved


@pytest.fixture
def plain() -> dict[str, Tensor]:
    return load_file(model_file("sd1"))


def without_vae(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if not name.startswith(VAE)}


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_what_a_model_has_learnt_is_added_to_one_that_inpaints(
    kind: str, save: Save, run_tool: RunTool, tmp_path: Path
) -> None:
    base, result = load_file(model_file(kind)), tmp_path / "result.safetensors"
    inpainting, tuned = save("inpainting", inpainting_tensors(kind)), save("tuned", base, seed=1)
    events = run_tool("merge_models", model_a=inpainting, model_b=tuned, model_c=model_file(kind), merge_alpha="1",
                      save_to=result)  # fmt: skip
    assert events[-1]["status"] == "completed"
    a, b, found = (load_file(path) for path in (inpainting, tuned, result))
    assert recognise(result).inpaints
    for name, value in found.items():
        if name == INPUT:
            assert torch.equal(value[:, 4:], a[name][:, 4:])
            assert torch.allclose(value[:, :4], a[name][:, :4] + b[name] - base[name], atol=1e-6)
        elif name.startswith("model.diffusion_model."):
            assert torch.allclose(value, a[name] + b[name] - base[name], atol=1e-6)


def test_a_model_that_inpaints_takes_a_share_of_one_that_does_not_and_not_the_other_way(
    plain: dict[str, Tensor], save: Save, run_tool: RunTool, tmp_path: Path
) -> None:
    inpainting, tuned = save("inpainting", inpainting_tensors("sd1")), save("tuned", plain, seed=1)
    result = tmp_path / "result.safetensors"
    run_tool("merge_models", model_a=inpainting, model_b=tuned, merge_alpha="0.25", save_to=result)
    a, b, found = (load_file(path)[INPUT] for path in (inpainting, tuned, result))
    assert torch.allclose(found, torch.cat([0.75 * a[:, :4] + 0.25 * b, a[:, 4:]], 1), atol=1e-6)
    for more in ({}, {"model_c": tuned}):
        events = run_tool("merge_models", model_a=tuned, model_b=inpainting, save_to=tmp_path / "x.safetensors", **more)
        assert errors(events) == ["inpainting_has_to_be_first"]


@pytest.mark.parametrize("algorithm", ["LoRA", "LoCon"])
def test_an_adapter_is_extracted_from_models_that_inpaint(
    algorithm: str, plain: dict[str, Tensor], save: Save, run_tool: RunTool, tmp_path: Path
) -> None:
    inpainting = inpainting_tensors("sd1")
    tuned = save("tuned", {**inpainting, **{name: value for name, value in load_file(save("t", plain, seed=1)).items()
                                            if name != INPUT}})  # fmt: skip
    for base, name in ((save("inpainting", inpainting), "both"), (model_file("sd1"), "one")):
        events = run_tool("extract_lora", tuned_model=tuned, base_model=base, extract_type=algorithm, tool_rank=64,
                          save_to=tmp_path / f"{name}.safetensors")  # fmt: skip
        assert events[-1]["status"] == "completed"
        if name == "one":
            assert "unet.conv_in.weight" in notices(events)["differences_not_extracted"]
    both, one = (load_file(tmp_path / f"{name}.safetensors") for name in ("both", "one"))
    assert both.keys() == one.keys()
    assert all(torch.equal(both[name], one[name]) for name in both)


def test_a_vae_is_not_needed_where_none_is_touched(
    plain: dict[str, Tensor], save: Save, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    bare, tuned = save("bare", without_vae(plain)), save("tuned", plain, seed=1)
    result = {"save_to": tmp_path / "result.safetensors", "overwrite": "true"}

    def keys(tool: str, **settings: Any) -> tuple[set[str], dict[str, str]]:
        events = run_tool(tool, **settings, **result)
        assert events[-1]["status"] == "completed", events
        return {name for name in load_file(result["save_to"]) if name.startswith(VAE)}, notices(events)  # type: ignore[arg-type]

    everything = {name for name in plain if name.startswith(VAE)}
    assert keys("merge_models", model_a=tuned, model_b=bare)[0] == everything
    none, said = keys("merge_models", model_a=bare, model_b=tuned)
    assert (none, "result_without_vae" in said) == (set(), True)
    assert keys("merge_models", model_a=bare, model_b=tuned, merged_vae="B")[0] == everything
    with_file = keys("merge_models", model_a=bare, model_b=tuned, merged_vae="file", merged_vae_file=model_file("sd1"))
    assert with_file[0] == everything
    none, said = keys("merge_lora", merge_model=bare, adapters=write("lora"))
    assert (none, "result_without_vae" in said) == (set(), True)
    assert keys("extract_lora", tuned_model=tuned, base_model=bare)[0] == set()
    assert keys("extract_lora", tuned_model=save("b", without_vae(load_file(tuned))), base_model=model_file("sd1"))
    for choice in ("B", "merged"):
        refused = run_tool("merge_models", model_a=tuned, model_b=bare, merged_vae=choice, **result)
        assert errors(refused) == ["vae_to_merge_missing"]


MARKS = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}


@pytest.fixture
def velocity(save: Save) -> Path:
    return save("velocity", load_file(model_file("sdxl")) | MARKS)


def said_of(path: Path) -> tuple[str | None, bool]:
    found = identify(path)
    return found.prediction_type, found.zero_terminal_snr


@pytest.mark.parametrize(
    ("order", "alpha", "result", "warned"),
    [
        ("v e", "0.5", "v_prediction", True), ("e v", "0.5", "epsilon", True),
        ("e v", "1", "v_prediction", False), ("e v e", "1", "v_prediction", False), ("v e v", "1", "epsilon", False),
        ("e v e", "0.6", "v_prediction", True), ("e v e", "0.3", "epsilon", True), ("v e e", "1", "v_prediction", True),
        ("e v v", "1", "epsilon", True), ("e v e", "1 MIDD", "epsilon", True), ("e e e", "1", "epsilon", False),
    ],
)  # fmt: skip
def test_models_of_noise_and_velocity_are_warned_of_and_the_result_is_marked(
    order: str, alpha: str, result: str, warned: bool, velocity: Path, save: Save, run_tool: RunTool, tmp_path: Path
) -> None:
    noise = save("noise", load_file(model_file("sdxl")), seed=2, modelspec_prediction_type="epsilon")
    models = [{"v": velocity, "e": noise}[letter] for letter in order.split()]
    named = {f"model_{letter}": model for letter, model in zip("abc", models, strict=False)}
    events = run_tool("merge_models", **named, merge_alpha=alpha, save_to=tmp_path / "result.safetensors")
    assert ("models_predict_differently" in notices(events, "warning")) == warned
    turned = order in ("e v e", "v e v") and alpha == "1"
    assert ("difference_turns_prediction" in notices(events)) == turned
    assert said_of(tmp_path / "result.safetensors") == (result, result == "v_prediction")


def test_a_kind_of_noise_is_carried_by_a_difference_too(save: Save, run_tool: RunTool, tmp_path: Path) -> None:
    base = load_file(model_file("sdxl"))
    edm = save("edm", base | {"edm_vpred.sigma_max": torch.tensor(120.0)})
    noise, result = save("noise", base, seed=2), tmp_path / "result.safetensors"
    run_tool("merge_models", model_a=noise, model_b=edm, model_c=model_file("sdxl"), merge_alpha="1", save_to=result)
    assert "EDM" in identify(result).other_noise
    events = run_tool("merge_models", model_a=noise, model_b=edm, save_to=tmp_path / "mixture.safetensors")
    assert "models_predict_differently" in notices(events, "warning")
    run_tool("merge_models", model_a=edm, model_b=edm, save_to=tmp_path / "same.safetensors")
    assert load_file(tmp_path / "same.safetensors")["edm_vpred.sigma_max"] == 120


def test_an_extraction_across_predictions_is_warned_of_and_marked(
    velocity: Path, save: Save, run_tool: RunTool, tmp_path: Path
) -> None:
    tuned = save("tuned", load_file(velocity), seed=3)
    for base, warned in ((model_file("sdxl"), True), (velocity, False)):
        result = tmp_path / f"{warned}.safetensors"
        events = run_tool("extract_lora", tuned_model=tuned, base_model=base, tool_rank=2, save_to=result)
        assert ("extracted_across_predictions" in notices(events, "warning")) == warned
        assert read_adapter(result).metadata["modelspec.prediction_type"] == "v"


def test_adapters_for_another_prediction_are_warned_of(
    velocity: Path, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    files = {}
    for said in ("v", "epsilon", ""):
        files[said] = tmp_path / f"lora-{said}.safetensors"
        metadata = {"ss_base_model_version": "sdxl_base_v1-0"} | ({"modelspec.prediction_type": said} if said else {})
        save_file(load_file(write("a", "sdxl")), files[said], metadata)
    for said, warned in (("v", False), ("epsilon", True), ("", False)):
        events = run_tool("merge_lora", merge_model=velocity, adapters=files[said], overwrite="true",
                          save_to=tmp_path / "merged.safetensors")  # fmt: skip
        assert ("adapter_predicts_differently" in notices(events, "warning")) == warned
    for pair, warned in ((("v", "epsilon"), True), (("v", "v"), False), (("v", ""), False)):
        events = run_tool("merge_lora", adapters=[files[one] for one in pair], overwrite="true",
                          save_to=tmp_path / "both.safetensors")  # fmt: skip
        assert ("adapters_predict_differently" in notices(events, "warning")) == warned

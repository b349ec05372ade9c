"""Whole checkpoints: merged, and written in other layouts and number formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from tests.tiny_families import folder_of
from tests.train_core.workshop.conftest import RunTool, errors, family, load, model_file, prediction
from tests.train_core.workshop.test_merge_lora import difference
from train_core.config.syntax.block_weights import label_of
from train_core.facts.models.headers import identify

KINDS = ["sd1", "sd2", "sdxl"]


@pytest.fixture
def other(tmp_path: Path) -> Any:
    """Writes a second checkpoint of a kind, with other weights."""

    def written(kind: str, name: str = "other", seed: int = 1) -> Path:
        generator = torch.Generator().manual_seed(seed)
        tensors = {
            key: value + 0.01 * torch.randn(value.shape, generator=generator) if value.is_floating_point() else value
            for key, value in load_file(model_file(kind)).items()
        }
        save_file(tensors, tmp_path / f"{name}.safetensors")
        return tmp_path / f"{name}.safetensors"

    return written


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_of_each(kind: str, other: Any, run_tool: RunTool, tmp_path: Path) -> None:
    second, result = other(kind), tmp_path / "merged.safetensors"
    run_tool("merge_models", model_a=model_file(kind), model_b=second, merge_alpha=0.3, save_to=result,
             merged_vae="merged")
    a, b, found = (load_file(path) for path in (model_file(kind), second, result))
    assert a.keys() == found.keys()
    trained = [name for name in a if "logit_scale" not in name and "resblocks.23" not in name
               and not (kind == "sd2" and name.endswith("text_projection"))]  # fmt: skip
    assert all(torch.allclose(found[name], 0.7 * a[name] + 0.3 * b[name], atol=1e-6) for name in trained)


def test_what_one_has_more_than_a_third_is_added(other: Any, run_tool: RunTool, tmp_path: Path) -> None:
    b, c = other("sd1", "b", 1), other("sd1", "c", 2)
    result = tmp_path / "merged.safetensors"
    run_tool("merge_models", model_a=model_file("sd1"), model_b=b, model_c=c, merge_alpha=0.5, save_to=result)
    first, second, third, found = (load_file(path) for path in (model_file("sd1"), b, c, result))
    for name, value in found.items():
        if name.startswith("model.diffusion_model."):
            assert torch.allclose(value, first[name] + 0.5 * (second[name] - third[name]), atol=1e-6)


def test_parts_come_from_where_they_are_wanted(other: Any, run_tool: RunTool, tmp_path: Path) -> None:
    b, c, result = other("sd1", "b", 1), other("sd1", "c", 2), tmp_path / "merged.safetensors"
    run_tool(
        "merge_models", model_a=model_file("sd1"), model_b=b, merge_alpha=0.5, merged_text_encoder="B",
        merged_vae="file", merged_vae_file=c, save_to=result,
    )
    second, third, found = (load_file(path) for path in (b, c, result))
    for name, value in found.items():
        if name.startswith("cond_stage_model."):
            assert torch.equal(value, second[name])
        if name.startswith("first_stage_model."):
            assert torch.equal(value, third[name])


def test_a_share_of_its_own_for_each_block(other: Any, run_tool: RunTool, tmp_path: Path) -> None:
    second, result = other("sd1"), tmp_path / "merged.safetensors"
    run_tool("merge_models", model_a=model_file("sd1"), model_b=second, merge_alpha="1 MIDD", save_to=result)
    a, b, found = load(model_file("sd1")), load(second), load(result)
    weights = [{t.file_key: t.module.weight for t in its.targets()} for its in (a, b, found)]
    for key, value in weights[2].items():
        label = label_of(key)
        taken = label in ("BASE", "M00") or label in {f"IN{n:02d}" for n in range(5, 12)} or (
            label in {f"OUT{n:02d}" for n in range(7)}
        )
        assert torch.allclose(value, weights[1 if taken else 0][key], atol=1e-6)


def test_models_of_two_families_are_refused(run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "merged.safetensors"
    events = run_tool("merge_models", model_a=model_file("sd1"), model_b=model_file("sdxl"), save_to=result)
    assert errors(events) == ["models_of_different_kinds"]
    assert not result.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["safetensors", "ckpt", "diffusers"])
def test_a_converted_model_predicts_the_same(kind: str, layout: str, run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / {"safetensors": "m.safetensors", "ckpt": "m.ckpt", "diffusers": "folder"}[layout]
    run_tool("convert_model", model_file=model_file(kind), model_format=layout, save_to=result)
    assert difference(prediction(load(result)), prediction(family(kind))) < 1e-6
    back = tmp_path / "back.safetensors"
    run_tool("convert_model", model_file=result, save_to=back)
    before, after = load_file(model_file(kind)), load_file(back)
    common = before.keys() & after.keys()
    assert len(common) >= len(before) - 20  # what OpenCLIP's files hold beside the model is in no diffusers folder
    assert all(torch.equal(before[name], after[name]) for name in common if "resblocks.23" not in name)


@pytest.mark.parametrize("kind", KINDS)
def test_diffusers_opens_the_folder_and_draws_with_it(kind: str, run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "folder"
    run_tool("convert_model", model_file=model_file(kind), model_format="diffusers", save_to=result)
    pipeline = (StableDiffusionXLPipeline if kind == "sdxl" else StableDiffusionPipeline).from_pretrained(result)
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a dog", height=64, width=64, num_inference_steps=2, output_type="pt").images
    assert picture.shape == (1, 3, 64, 64)
    ours = family(kind).encode_text(["a dog"])["hidden"]
    asked = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    theirs, *_ = pipeline.encode_prompt("a dog", **asked)
    assert difference(theirs, ours) < 1e-4


def test_leftovers_stay_behind(run_tool: RunTool, tmp_path: Path) -> None:
    tensors = load_file(model_file("sd1"))
    full, result = tmp_path / "full.safetensors", tmp_path / "small.safetensors"
    save_file({**tensors, **{f"model_ema.{name[6:].replace('.', '')}": value.clone() for name, value in tensors.items()
                             if name.startswith("model.")}}, full)
    run_tool("convert_model", model_file=full, save_to=result, result_precision="fp16")
    found = load_file(result)
    assert found.keys() == tensors.keys()
    assert {value.dtype for value in found.values()} == {torch.float16}


def test_what_is_there_is_only_replaced_when_told(run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "m.safetensors"
    result.write_bytes(b"mine")
    assert errors(run_tool("convert_model", model_file=model_file("sd1"), save_to=result)) == ["result_exists"]
    assert result.read_bytes() == b"mine"
    run_tool("convert_model", model_file=model_file("sd1"), save_to=result, overwrite="true")
    assert difference(prediction(load(result)), prediction(family("sd1"))) == 0


def notices(events: list[Any], kind: str = "notice") -> dict[str, str]:
    return {event["code"]: event["text"] for event in events if event["kind"] == kind}


MARKS = {
    "EDM": {"edm_mean": torch.arange(4.0).view(1, 4, 1, 1), "edm_std": torch.ones(1, 4, 1, 1)},
    "velocity": {"edm_vpred.sigma_max": torch.tensor(100.0), "edm_vpred.sigma_min": torch.tensor(0.25)},
}  # fmt: skip


@pytest.mark.parametrize("marks", MARKS.values(), ids=MARKS)
def test_the_kind_of_noise_stays_said_in_every_layout(
    marks: dict[str, torch.Tensor], run_tool: RunTool, tmp_path: Path
) -> None:
    source, folder = tmp_path / "edm.safetensors", tmp_path / "folder"
    save_file(load_file(model_file("sdxl")) | marks, source)
    run_tool("convert_model", model_file=source, save_to=tmp_path / "m.safetensors")
    run_tool("convert_model", model_file=source, model_format="ckpt", save_to=tmp_path / "m.ckpt")
    run_tool("convert_model", model_file=source, model_format="diffusers", save_to=folder)
    run_tool("convert_model", model_file=folder, save_to=tmp_path / "back.safetensors")
    kinds = {identify(path).other_noise for path in (source, tmp_path / "m.ckpt", folder)}
    assert len(kinds) == 1
    assert "EDM" in kinds.pop()
    for name, value in marks.items():
        assert torch.equal(load_file(tmp_path / "m.safetensors")[name], value)
        assert torch.equal(load_file(tmp_path / "back.safetensors")[name].float(), value)
    assert StableDiffusionXLPipeline.from_pretrained(folder).scheduler.__class__.__name__.startswith("EDM")


def test_a_schedule_that_ends_in_noise_and_velocity_stay_said(run_tool: RunTool, tmp_path: Path) -> None:
    source = tmp_path / "v.safetensors"
    save_file(load_file(model_file("sdxl")) | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, source)
    for layout, name in (("diffusers", "folder"), ("ckpt", "m.ckpt"), ("safetensors", "m.safetensors")):
        run_tool("convert_model", model_file=source, model_format=layout, save_to=tmp_path / name)
        found = identify(tmp_path / name)
        assert (found.prediction_type, found.zero_terminal_snr) == ("v_prediction", True)


def test_a_folders_own_scheduler_is_kept(run_tool: RunTool, tmp_path: Path) -> None:
    run_tool("convert_model", model_file=folder_of("sdxl"), model_format="diffusers", save_to=tmp_path / "copy")
    said = [json.loads((path / "scheduler" / "scheduler_config.json").read_text("utf-8"))
            for path in (folder_of("sdxl"), tmp_path / "copy")]
    assert said[0] == said[1]


def test_what_stays_behind_is_named(run_tool: RunTool, tmp_path: Path) -> None:
    source = tmp_path / "full.safetensors"
    more = ("model_ema.decay", "model_ema.a", "optimizer.x", "betas", "denoiser.sigmas")
    save_file(load_file(model_file("sd1")) | {name: torch.zeros(2) for name in more}
              | {"cond_stage_model.transformer.text_projection.weight": torch.eye(64)}, source)
    events = run_tool("convert_model", model_file=source, save_to=tmp_path / "m.safetensors")
    said = notices(events)["tensors_left_behind"]
    assert "4 tensors" in said
    assert all(word in said for word in ("model_ema (2)", "optimizer", "cond_stage_model"))
    assert "tensors_left_behind" not in notices(run_tool("convert_model", model_file=model_file("sdxl"),
                                                         save_to=tmp_path / "n.safetensors"))


def test_a_model_without_a_vae_is_converted_to_a_file_and_that_is_said(run_tool: RunTool, tmp_path: Path) -> None:
    source, result = tmp_path / "novae.safetensors", tmp_path / "m.safetensors"
    tensors = {name: t for name, t in load_file(model_file("sd1")).items() if not name.startswith("first_stage")}
    save_file(tensors, source)
    assert "result_without_vae" in notices(run_tool("convert_model", model_file=source, save_to=result))
    found = load_file(result)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], value) for name, value in tensors.items())
    assert errors(run_tool("convert_model", model_file=source, model_format="diffusers", save_to=tmp_path / "f")) == [
        "model_part_missing"
    ]


def test_a_folder_for_a_model_that_says_nothing_is_warned_of(run_tool: RunTool, tmp_path: Path) -> None:
    events = run_tool("convert_model", model_file=model_file("sd2"), model_format="diffusers", save_to=tmp_path / "f")
    assert "folder_prediction_unknown" in notices(events, "warning")
    events = run_tool("convert_model", model_file=model_file("sd1"), model_format="diffusers", save_to=tmp_path / "g")
    assert not notices(events, "warning")

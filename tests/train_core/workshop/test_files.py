"""Converting, looking into, editing and comparing adapters; files that are broken; results that are in the way."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.event_lines import read_events
from tests.tiny import tiny_modules
from tests.tiny_families import folder_of
from tests.train_core.workshop.conftest import (
    RunTool,
    Write,
    errors,
    family,
    model_file,
    random_adapter,
    table,
)
from tests.train_core.workshop.test_merge_lora import deltas, difference
from train_core.config.jobs.tools import MergeLora
from train_core.config.places import app_dir, tools_dir
from train_core.facts.run.run_folders import new_folder
from train_core.jobs.start import start_job
from train_core.models.files import writing
from train_core.networks.files.adapter_file import save_adapter
from train_core.networks.files.reading import read_adapter


def header(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata()


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
@pytest.mark.parametrize("settings", [{}, {"conv_dim": 3}], ids=str)
def test_to_diffusers_names_and_back(
    kind: str, settings: dict[str, Any], write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    file, theirs, back = write("a", kind, **settings), tmp_path / "d.safetensors", tmp_path / "k.safetensors"
    run_tool("convert_lora", adapter=file, adapter_format="diffusers", save_to=theirs)
    run_tool("convert_lora", adapter=theirs, save_to=back)
    before, after = read_adapter(file).modules, read_adapter(back).modules
    assert before.keys() == after.keys()
    for key, module in before.items():
        ours, found = module.read(), after[key].read()
        up, down = (found[f"lora_{side}.weight"].flatten(1) for side in ("up", "down"))
        strength = float(ours["alpha"]) / len(ours["lora_down.weight"])
        expected = ours["lora_up.weight"].flatten(1) @ ours["lora_down.weight"].flatten(1) * strength
        assert torch.allclose(up @ down, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_diffusers_computes_the_same_with_its_own_names(
    kind: str, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    file, theirs = write("a", kind, network_train_unet_only=True), tmp_path / "d.safetensors"
    run_tool("convert_lora", adapter=file, adapter_format="diffusers", save_to=theirs)
    weights = []
    for path in (file, theirs):
        pipeline = pipeline_of(kind)
        pipeline.load_lora_weights(path)
        pipeline.fuse_lora()
        weights.append(pipeline.unet.state_dict())
    common = [name for name in weights[0] if name.endswith("to_q.base_layer.weight")]
    assert common
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-6) for name in common)


def pipeline_of(kind: str) -> Any:
    if kind == "sdxl":
        return StableDiffusionXLPipeline.from_pretrained(folder_of(kind))
    modules = {name: copy.deepcopy(tiny_modules()[name]) for name in ("unet", "text_encoder")}
    return StableDiffusionPipeline(
        vae=None, tokenizer=None, scheduler=DDPMScheduler(), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False, **modules,
    )  # fmt: skip


def test_peft_computes_the_same(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    file = write("a", network_train_unet_only=True, conv_dim=3)  # with ranks of its own for convolutions
    folder = tmp_path / "peft"
    run_tool("convert_lora", adapter=file, adapter_format="PEFT", save_to=folder / "adapter_model.safetensors")
    unet = copy.deepcopy(tiny_modules()["unet"])
    loaded = PeftModel.from_pretrained(unet, folder).merge_and_unload()
    changes = deltas(file)
    layers = {target.file_key: target for target in family("sd1").targets() if target.part == "unet"}
    for key, change in changes.items():
        found = loaded.get_submodule(layers[key].path).weight
        assert torch.allclose(found, layers[key].module.weight + change, atol=1e-5)
    back = deltas(folder / "adapter_model.safetensors")
    assert back.keys() == changes.keys()
    assert all(torch.allclose(back[key], change, atol=1e-6) for key, change in changes.items())


def test_a_peft_adapter_is_for_one_network(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    result = tmp_path / "adapter_model.safetensors"
    asked = {"adapter": write("a"), "adapter_format": "PEFT", "save_to": result}
    assert errors(run_tool("convert_lora", **asked)) == ["peft_only_unet"]
    assert not list(tmp_path.glob("adapter_*"))


@pytest.mark.parametrize(("precision", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16)])
def test_another_number_format(
    precision: str, dtype: torch.dtype, write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    file, result = write("a", LoRA_type="LoHa"), tmp_path / "small.safetensors"
    run_tool("convert_lora", adapter=file, result_precision=precision, save_to=result)
    before, after = load_file(file), load_file(result)
    assert all(torch.equal(after[name], before[name].to(dtype)) for name in before)
    assert header(result)["ss_base_model_version"] == "sd_v1"
    assert header(result)["sshs_model_hash"] != header(file)["sshs_model_hash"]


def test_a_file_is_told_as_people_look_for_it(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    file = tmp_path / "told.safetensors"
    said = {
        "ss_base_model_version": "sd_v1", "ss_learning_rate": "0.0001", "ss_dataset_dirs":
        json.dumps({"10_zuko dog": {"n_repeats": 10, "img_count": 4}}),
        "ss_tag_frequency": json.dumps({"10_zuko dog": {"dog": 4, " sky": 1}, "other": {"dog": 2}}), "mine": "yes",
    }  # fmt: skip
    save_file(load_file(write("a", conv_dim=2)), file, said)
    events = run_tool("inspect", inspected=file)
    facts = dict(table(events, "facts"))
    assert facts["base"] == "SD 1.x"
    assert facts["rank"] == "2 (58), 4 (190)" or "(" in facts["rank"]
    assert facts["trigger"] == "dog"
    assert facts["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert table(events, "settings") == [["learning_rate", "0.0001"]]
    assert table(events, "folders") == [["10_zuko dog", 10, 4]]
    assert table(events, "tags") == [["dog", 6], ["sky", 1]]
    assert ["mine", "yes"] in table(events, "metadata")
    blocks = [row[0] for row in table(events, "norms")]
    assert blocks[0] == "BASE"
    assert "M00" in blocks
    assert blocks.index("IN01") < blocks.index("M00") < blocks.index("OUT03")


def test_norms_are_those_of_the_blocks(write: Write, run_tool: RunTool) -> None:
    file = write("a")
    rows = {row[0]: row for row in table(run_tool("inspect", inspected=file), "norms")}
    middle = [change for key, change in deltas(file).items() if "mid_block" in key]
    assert rows["M00"][1] == len(middle)
    assert rows["M00"][2] == pytest.approx(sum(float(c.square().sum()) for c in middle) ** 0.5, rel=1e-3)


def test_what_is_no_number_and_what_is_zero_is_warned_of(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    tensors = load_file(write("a"))
    ups = [name for name in tensors if name.endswith("lora_up.weight")]
    tensors[ups[0]] = torch.full_like(tensors[ups[0]], torch.nan)
    tensors[ups[1]] = torch.zeros_like(tensors[ups[1]])
    save_file(tensors, tmp_path / "broken.safetensors")
    events = run_tool("inspect", inspected=tmp_path / "broken.safetensors")
    assert [e["code"] for e in events if e["kind"] == "warning"] == ["tensors_not_finite", "tensors_all_zero"]


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_a_checkpoint_can_be_looked_into(kind: str, run_tool: RunTool) -> None:
    facts = dict(table(run_tool("inspect", inspected=model_file(kind)), "facts"))
    assert facts["kind"] == {"sd1": "SD 1.x", "sdxl": "SDXL"}[kind]
    assert facts["layout"] == "safetensors"


def test_any_model_file_is_named_with_its_folder(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    network = {"linear.0.weight": torch.ones(8, 4), "linear.1.weight": torch.ones(4, 8)}
    torch.save({768: (network, network), "step": 7, "name": "fox"}, tmp_path / "fox.pt")
    save_file({"emb_params": torch.ones(2, 1024)}, tmp_path / "me.safetensors")
    for file, kind, base, belongs in (
        (tmp_path / "fox.pt", "hypernetwork", "SD 1.x", "models/hypernetworks (A1111 / Forge), models/hypernetworks"),
        (tmp_path / "me.safetensors", "embedding", "SD 2.x", "embeddings (A1111 / Forge), models/embeddings (ComfyUI)"),
        (write("a"), None, "SD 1.x", "models/Lora (A1111 / Forge), models/loras (ComfyUI)"),
    ):
        events = run_tool("inspect", inspected=file)
        facts = dict(table(events, "facts"))
        assert (facts.get("kind"), facts["base"]) == (kind, base)
        assert facts["belongs"].startswith(belongs)
    events = run_tool("inspect", inspected=tmp_path / "fox.pt")
    assert table(events, "metadata") == [["name", "fox"], ["step", "7"]]


def test_edited_metadata_leave_the_tensors_and_their_hash(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    file = write("a")
    before, hashes = load_file(file), header(file)["sshs_model_hash"]
    content = file.read_bytes()
    area = content[8 + int.from_bytes(content[:8], "little") :]
    run_tool("edit_metadata", adapter=file, edit_title="狗", edit_author="me", edit_tags="dog, zuko")
    after = file.read_bytes()
    assert after[8 + int.from_bytes(after[:8], "little") :] == area
    said = header(file)
    assert (said["modelspec.title"], said["modelspec.author"], said["sshs_model_hash"]) == ("狗", "me", hashes)
    assert said["ss_output_name"] == "a"
    assert all(torch.equal(value, before[name]) for name, value in load_file(file).items())
    copy = tmp_path / "copy.safetensors"
    run_tool("edit_metadata", adapter=file, edit_author="-", edited_copy=copy)
    assert "modelspec.author" not in header(copy)
    assert header(file)["modelspec.author"] == "me"
    assert errors(run_tool("edit_metadata", adapter=file, edit_title="b", edited_copy=copy)) == ["result_exists"]


def test_two_adapters_are_compared(write: Write, run_tool: RunTool, tmp_path: Path) -> None:
    first, second, loha = write("a"), write("b", seed=1), write("c", LoRA_type="LoHa", seed=2)
    def overall(*files: Path) -> float:
        return table(run_tool("compare_lora", adapter=files[0], other_adapter=files[1]), "compared")[-1][-1]

    assert overall(first, first) == pytest.approx(1.0, abs=1e-4)
    negated = tmp_path / "negated.safetensors"
    run_tool("merge_lora", adapters=first, strengths="-2", save_to=negated)
    assert overall(first, negated) == pytest.approx(-1.0, abs=1e-4)
    ours, theirs = deltas(first), deltas(loha)
    dot = sum(float((ours[key] * theirs[key]).sum()) for key in ours)
    lengths = [sum(float(change.square().sum()) for change in its.values()) ** 0.5 for its in (ours, theirs)]
    assert overall(first, loha) == pytest.approx(dot / lengths[0] / lengths[1], abs=1e-3)
    assert abs(overall(first, second)) < 0.5
    assert errors(run_tool("compare_lora", adapter=first, other_adapter=write("x", "sdxl"))) == ["nothing_in_common"]


def damaged(path: Path, how: str) -> Path:
    """A copy of the adapter at `path` with a mistake in it."""
    result = path.with_name(f"{how}.safetensors")
    tensors = load_file(path)
    if how == "truncated":
        result.write_bytes(path.read_bytes()[:-1000])
        return result
    names = sorted(name for name in tensors if name.endswith("lora_up.weight"))
    if how == "without_partner":
        del tensors[names[0]]
    elif how == "misshapen":
        tensors[names[0]] = tensors[names[0]][:, :1].clone()
    elif how == "unknown_layer":
        tensors = {name.replace("attn1_to_q", "attn1_to_w"): value for name, value in tensors.items()}
    elif how == "of_another_width":
        tensors = {name: value.repeat_interleave(2, 0) if name in names else value for name, value in tensors.items()}
    save_file(tensors, result, header(path))
    return result


@pytest.mark.parametrize(
    ("how", "codes"),
    [
        ("truncated", {"model_file_truncated"}), ("without_partner", {"adapter_incomplete"}),
        ("misshapen", {"adapter_incomplete"}), ("unknown_layer", {"adapter_layers_missing"}),
        ("of_another_width", {"adapter_layers_differ"}),
    ],
)
def test_a_damaged_adapter_is_named_and_leaves_nothing_behind(
    how: str, codes: set[str], write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    broken, result = damaged(write("a"), how), tmp_path / "out" / "result.safetensors"
    events = run_tool("merge_lora", merge_model=model_file("sd1"), adapters=broken, save_to=result)
    assert set(errors(events)) == codes
    assert str(broken) in str([event for event in events if event["kind"] == "error"])
    assert not result.parent.exists() or not list(result.parent.iterdir())


def test_a_full_drive_leaves_nothing_behind(
    write: Write, run_tool: RunTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("a")
    written = iter(range(10**6))

    def full(stored: Any) -> Any:
        if next(written) > 20:
            raise OSError(28, "No space left on device")
        return original(stored)

    original = writing.bytes_of
    monkeypatch.setattr(writing, "bytes_of", full)
    result = tmp_path / "out" / "result.safetensors"
    events = run_tool("merge_lora", merge_model=model_file("sd1"), adapters=file, save_to=result)
    assert errors(events) == ["file_not_written"]
    assert not list(result.parent.iterdir())


def test_a_tool_that_is_asked_to_end_leaves_nothing_behind(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    run_dir, result = new_folder(tools_dir(), "merge"), tmp_path / "out" / "result.safetensors"
    (run_dir / "config.toml").touch()
    file, written, original = write("a"), iter(range(10**6)), writing.bytes_of

    def asked_meanwhile(stored: Any) -> Any:
        if next(written) == 20:
            (run_dir / "control" / "stop").touch()
        return original(stored)

    monkeypatch.setattr(writing, "bytes_of", asked_meanwhile)
    settings = {"merge_model": str(model_file("sd1")), "adapters": str(file), "save_to": str(result)}
    assert start_job(MergeLora, run_dir / "config.toml", settings) == 130
    assert read_events(run_dir / "events.jsonl")[-1]["status"] == "stopped"
    assert next(written) < 30
    assert not list(result.parent.iterdir())


def test_names_without_their_ending_and_unknown_settings_are_told(write: Write, run_tool: RunTool) -> None:
    file = write("a")
    assert errors(run_tool("resize_lora", adapter=file, save_to=file.parent / "b")) == ["result_ending"]
    assert errors(run_tool("resize_lora", adapter=file)) == ["required_setting"]
    assert errors(run_tool("resize_lora", adaptor=file, save_to=file.parent / "b.safetensors")) == [
        "unknown_setting_near"
    ]
    idle = run_tool("resize_lora", adapter=file, resize_value=0.5, save_to=file.parent / "b.safetensors")
    assert errors(idle) == ["not_applicable"]


def test_the_terminal_knows_every_tool_and_runs_one_of_a_file(write: Write, tmp_path: Path) -> None:
    file, settings = write("a"), tmp_path / "tool.toml"
    settings.write_text('adapter = "a.safetensors"\ntool_rank = 2\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "train_core", "resize_lora", "--config_file", str(settings), "--set", "save_to",
         str(tmp_path / "b.safetensors")],
        cwd=app_dir(), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "block" in done.stdout
    assert difference(next(iter(deltas(tmp_path / "b.safetensors").values())), next(iter(deltas(file).values()))) < 1


def test_an_adapter_of_every_algorithm_can_be_looked_into(run_tool: RunTool, write: Write) -> None:
    for settings in ({"LoRA_type": "IA3", "LyCORIS_preset": "ia3"}, {"LoRA_type": "BOFT"}, {"LoRA_type": "Full"}):
        file = write("a", **settings)
        facts = dict(table(run_tool("inspect", inspected=file), "facts"))
        assert facts["layers"] == len(random_adapter("sd1", **settings).layers)


def test_hashes_that_a_header_lacks_are_computed_and_stale_ones_are_called_so(
    write: Write, run_tool: RunTool, tmp_path: Path
) -> None:
    whole = write("a")
    said, tensors = header(whole), load_file(whole)
    bare, stale = tmp_path / "bare.safetensors", tmp_path / "stale.safetensors"
    save_file(tensors, bare, {name: value for name, value in said.items() if not name.startswith("sshs_")})
    save_file({name: value * 1.01 for name, value in tensors.items()}, stale,
              {**said, "modelspec.hash_sha256": "0x" + "0" * 64})  # fmt: skip

    def looked_into(path: Path) -> tuple[dict[str, Any], list[str]]:
        events = run_tool("inspect", inspected=path)
        warnings = [event for event in events if event["kind"] == "warning"]
        return dict(table(events, "facts")), [event["params"]["name"] for event in warnings]

    facts, stated = looked_into(whole)
    assert (facts["autov3"], facts["legacy_hash"]) == (said["sshs_model_hash"][:12], said["sshs_legacy_hash"])
    assert not stated
    assert looked_into(bare)[0] | {"sha256": 0, "autov2": 0} == facts | {"sha256": 0, "autov2": 0}
    content = stale.read_bytes()
    found, stated = looked_into(stale)
    area = content[8 + int.from_bytes(content[:8], "little") :]
    assert found["autov3"] == hashlib.sha256(area).hexdigest()[:12]
    assert stated == ["sshs_model_hash", "modelspec.hash_sha256"]
    run_tool("convert_lora", adapter=stale, save_to=tmp_path / "mended.safetensors")
    assert looked_into(tmp_path / "mended.safetensors")[1] == []
    assert "modelspec.hash_sha256" not in header(tmp_path / "mended.safetensors")


def test_a_checkpoint_has_the_hash_of_its_tensors_too(run_tool: RunTool) -> None:
    content = model_file("sd1").read_bytes()
    area = content[8 + int.from_bytes(content[:8], "little") :]
    facts = dict(table(run_tool("inspect", inspected=model_file("sd1")), "facts"))
    assert facts["autov3"] == hashlib.sha256(area).hexdigest()[:12]
    assert facts["autov2"] == hashlib.sha256(content).hexdigest()[:10]


@torch.no_grad()
def test_diffusers_takes_matrices_only_and_is_given_them_by_conversion(run_tool: RunTool, tmp_path: Path) -> None:
    adapter = random_adapter("sd2")
    save_adapter(tmp_path / "a.safetensors", adapter.state_dict_for_file(), {"ss_base_model_version": "sd_v2"})
    with pytest.raises(RuntimeError, match="size mismatch"):
        StableDiffusionPipeline.from_pretrained(folder_of("sd2")).load_lora_weights(tmp_path / "a.safetensors")
    written = tmp_path / "b.safetensors"
    run_tool("convert_lora", adapter=tmp_path / "a.safetensors", adapter_format="diffusers", save_to=written)
    saved = load_file(written)
    assert {its.dim() for name, its in saved.items() if ".proj_" in name} == {2}
    pipeline = StableDiffusionPipeline.from_pretrained(folder_of("sd2"))
    pipeline.load_lora_weights(written)
    assert "unet" in pipeline.get_list_adapters()


def test_a_merged_checkpoint_says_what_it_is_and_what_it_was_made_from(
    run_tool: RunTool, write: Write, tmp_path: Path
) -> None:
    kinds = {"sd1": ("stable-diffusion-v1", 512), "sdxl": ("stable-diffusion-xl-v1-base", 1024)}
    for kind, (architecture, size) in kinds.items():
        base = Path(shutil.copy(model_file(kind), tmp_path / f"{kind} base.safetensors"))
        other = Path(shutil.copy(base, tmp_path / f"{kind} other.safetensors"))
        results = [tmp_path / kind / name for name in ("models.safetensors", "lora.safetensors")]
        run_tool("merge_models", model_a=base, model_b=other, save_to=results[0])
        run_tool("merge_lora", adapters=[write("dog", kind)], merge_model=base, save_to=results[1])
        for path, added in zip(results, (other.stem, "dog"), strict=True):
            said = header(path)
            assert said.pop("modelspec.date")
            assert {name: value for name, value in said.items() if name.startswith("modelspec.")}.items() >= {
                "modelspec.sai_model_spec": "1.0.1", "modelspec.architecture": architecture,
                "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
                "modelspec.title": path.stem, "modelspec.resolution": f"{size}x{size}",
                "modelspec.merged_from": f"{base.stem}, {added}",
            }.items()

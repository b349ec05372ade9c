"""Adapters of PEFT change every layer as PEFT itself does, whatever its options."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import (
    AdaLoraConfig,
    BOFTConfig,
    C3AConfig,
    DeloraConfig,
    FourierFTConfig,
    GraloraConfig,
    HiraConfig,
    HRAConfig,
    IA3Config,
    LNTuningConfig,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    MissConfig,
    OFTConfig,
    PeftModel,
    RandLoraConfig,
    RoadConfig,
    ShiraConfig,
    TinyLoraConfig,
    VeraConfig,
    WaveFTConfig,
    get_peft_model,
)
from peft.tuners.lora.config import MontecloraConfig, VeloraConfig
from safetensors.torch import load_file, save_file
from torch import nn

from tests.tiny import tiny_modules
from train_core.config.problems import UserError
from train_core.config.syntax.block_weights import parse_strength
from train_core.models.files.stored import in_memory
from train_core.models.targets import unet_targets
from train_core.networks.files.merging import Weighed, merged, require_fitting
from train_core.networks.files.reading import read_adapter

ATTENTION = ["to_q", "to_k", "to_out.0"]
WITH_BIAS = ["to_out.0", "ff.net.0.proj", "proj_in", "conv1"]
ALL = [*ATTENTION, "conv1", "conv_shortcut", "proj_in", "ff.net.2"]
FIRST = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OPTIONS: dict[str, Any] = {
    "plain": LoraConfig(r=4, lora_alpha=8, target_modules=ALL),
    "alpha by layer": LoraConfig(
        r=4, lora_alpha=8, target_modules=ALL, rank_pattern={"to_k": 2, r"down_blocks.*conv1": 3},
        alpha_pattern={"attn1.to_k": 16, FIRST: 1, r".*up_blocks\.\d\.resnets.*": 5, "to_q": 2.5},
    ),
    "roots of ranks": LoraConfig(r=4, lora_alpha=8, use_rslora=True, target_modules=ALL, rank_pattern={"to_k": 2}),
    "magnitudes": LoraConfig(r=4, lora_alpha=8, use_dora=True, target_modules=ALL),
    "magnitudes and roots": LoraConfig(
        r=4, lora_alpha=3, use_dora=True, use_rslora=True, target_modules=ATTENTION, alpha_pattern={"to_q": 9},
    ),
    "biases": LoraConfig(r=4, lora_alpha=6, lora_bias=True, target_modules=WITH_BIAS),
    "normal start": LoraConfig(r=4, lora_alpha=8, init_lora_weights="gaussian", target_modules=ATTENTION),
    "orthogonal start": LoraConfig(r=4, lora_alpha=8, init_lora_weights="orthogonal", target_modules=ATTENTION),
    "some blocks": LoraConfig(r=4, target_modules=ATTENTION, layers_to_transform=[0], layers_pattern="down_blocks"),
    "left out": LoraConfig(r=4, target_modules=ATTENTION, exclude_modules=["to_k"]),
    "by a pattern": LoraConfig(r=4, target_modules=r".*attn2\.to_[qv]", fan_in_fan_out=False),
    "every linear layer": LoraConfig(r=2, target_modules="all-linear"),
    "adaptive ranks": AdaLoraConfig(init_r=4, target_r=2, lora_alpha=8, total_step=10, target_modules=ATTENTION),
    "products": LoHaConfig(r=4, alpha=8, target_modules=ALL, alpha_pattern={"to_q": 2}, rank_pattern={"to_k": 2}),
    "products of cores": LoHaConfig(r=4, alpha=3, target_modules=ALL, use_effective_conv2d=True),
    "any start": LoraConfig(r=4, lora_alpha=0.5, target_modules=ATTENTION, init_lora_weights=False),
    "start by data": LoraConfig(r=4, target_modules=["to_q"], init_lora_weights="eva"),
    "start of small parts": LoraConfig(r=4, target_modules=["to_q"], init_lora_weights="mica"),
    "stored the other way round": LoraConfig(r=4, target_modules=ATTENTION, fan_in_fan_out=True),
    "some blocks of several lists": LoraConfig(
        r=4, target_modules=ATTENTION, layers_to_transform=[0, 1], layers_pattern=["down_blocks", "up_blocks"],
    ),
    "one block": LoraConfig(r=4, target_modules=ATTENTION, layers_to_transform=1, layers_pattern="up_blocks"),
    "left out by a pattern": LoraConfig(r=4, target_modules=ATTENTION, exclude_modules=r".*attn2.*"),
    "biases, roots and patterns": LoraConfig(
        r=4, lora_alpha=6, target_modules=WITH_BIAS, lora_bias=True, use_rslora=True, rank_pattern={"conv1": 2},
        alpha_pattern={"proj_in": 3},
    ),
    "magnitudes and patterns": LoraConfig(
        r=4, lora_alpha=6, target_modules=ALL, use_dora=True, rank_pattern={"conv1": 2, "to_q": 1},
        alpha_pattern={"proj_in": 3},
    ),
    "patterns from the start": LoraConfig(
        r=4, target_modules=ATTENTION, rank_pattern={"^down_blocks.0.*to_q": 2}, alpha_pattern={"^up_blocks.*": 32},
    ),
    "parameters": LoraConfig(r=4, target_modules=[], target_parameters=["to_q.weight", "to_k.weight"]),
    "parameters and layers": LoraConfig(
        r=4, lora_alpha=3, target_modules=["to_v"], target_parameters=["to_q.weight"], use_rslora=True,
    ),
    "dropped out": LoraConfig(r=1, lora_alpha=1, lora_dropout=0.3, target_modules=ALL),
    "products, dropped out": LoHaConfig(r=4, alpha=2, rank_dropout=0.1, module_dropout=0.1, target_modules=ALL),
    "Kronecker of fours": LoKrConfig(r=2, alpha=2, decompose_factor=4, target_modules=ALL),
    "Kronecker of fours, both split": LoKrConfig(
        r=2, alpha=2, decompose_factor=4, decompose_both=True, use_effective_conv2d=True, target_modules=ALL,
        rank_dropout=0.1, rank_dropout_scale=True,
    ),
    "Kronecker": LoKrConfig(r=4, alpha=8, target_modules=ALL, alpha_pattern={"to_q": 2}),
    "Kronecker of cores": LoKrConfig(r=2, alpha=8, target_modules=ALL, use_effective_conv2d=True),
    "Kronecker, both split": LoKrConfig(r=2, alpha=8, target_modules=ALL, decompose_both=True),
    "Kronecker, both whole": LoKrConfig(r=64, alpha=16, target_modules=ALL, rank_pattern={"to_k": 32}),
}  # fmt: skip


def trained(config: Any) -> PeftModel:
    """The tiny U-Net with a random adapter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(copy.deepcopy(tiny_modules()["unet"]), config)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            noise = torch.randn(parameter.shape, generator=generator) * 0.2
            parameter.data = parameter.data * (1 + noise) if "magnitude" in name else noise
    return model


def assert_as_merged(path: Path, expected: nn.Module, tolerance: float = 1e-5) -> None:
    """Weights and biases are those of `expected` when the file is merged into the tiny U-Net."""
    unet = tiny_modules()["unet"]
    file, targets = read_adapter(path).for_kind("SD 1.x"), list(unet_targets(unet))
    weighed = [Weighed(file, parse_strength("", "SD 1.x"))]
    require_fitting(weighed, targets, "SD 1.x")
    before, after = unet.state_dict(), expected.state_dict()
    found = merged({"unet": in_memory(before)}, targets, weighed)["unet"]
    changed = 0
    for name, weight in before.items():
        wanted, got = after[name] - weight, found[name].read() - weight
        if float(wanted.abs().max()) == 0:
            assert torch.equal(got, wanted), name
        else:
            changed += 1
            assert float((got - wanted).norm() / wanted.norm()) < tolerance, name
    assert changed >= len(file.modules)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_layer_is_as_strong_as_peft_makes_it(name: str, tmp_path: Path) -> None:
    model = trained(copy.deepcopy(OPTIONS[name]))
    model.save_pretrained(tmp_path)
    assert_as_merged(tmp_path / "adapter_model.safetensors", model.merge_and_unload())


@pytest.mark.parametrize(("config", "option"), [
    (LoraConfig(r=4, target_modules=ATTENTION, modules_to_save=["conv_out"]), "modules_to_save"),
    (LoraConfig(r=4, target_modules=ATTENTION, bias="all"), "bias = all"),
    (LoraConfig(r=4, target_modules=WITH_BIAS, bias="lora_only"), "bias = lora_only"),
    (LoraConfig(r=4, target_modules=["to_q"], velora_config=VeloraConfig()), "velora_config"),
    (LoraConfig(r=4, target_modules=["to_q"], monteclora_config=MontecloraConfig()), "monteclora_config"),
    (OFTConfig(r=0, oft_block_size=8, target_modules=ATTENTION, use_cayley_neumann=False), "OFT"),
    (BOFTConfig(boft_block_size=8, target_modules=ATTENTION), "BOFT"),
    (IA3Config(target_modules=ATTENTION, feedforward_modules=[]), "IA3"),
    (VeraConfig(r=4, target_modules=["to_q"]), "VERA"), (HRAConfig(r=4, target_modules=ATTENTION), "HRA"),
    (FourierFTConfig(n_frequency=10, target_modules=ATTENTION), "FOURIERFT"),
    (LNTuningConfig(target_modules=["norm1"]), "LN_TUNING"), (MissConfig(r=4, target_modules=["to_q"]), "MISS"),
    (RandLoraConfig(r=4, target_modules=["to_q"]), "RANDLORA"), (ShiraConfig(r=4, target_modules=["to_q"]), "SHIRA"),
    (C3AConfig(block_size=8, target_modules=["to_q"]), "C3A"),
    (RoadConfig(target_modules=["to_q"], group_size=8), "ROAD"),
    (DeloraConfig(r=4, target_modules=["to_q"]), "DELORA"),
    (GraloraConfig(r=4, target_modules=["to_q"], gralora_k=2), "GRALORA"),
    (HiraConfig(r=4, target_modules=["to_q"]), "HIRA"),
    (WaveFTConfig(n_frequency=10, target_modules=["to_q"]), "WAVEFT"),
    (TinyLoraConfig(target_modules=["to_q"]), "TINYLORA"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_what_holds_more_than_layers_is_called_by_its_name(config: Any, option: str, tmp_path: Path) -> None:
    trained(copy.deepcopy(config)).save_pretrained(tmp_path)
    with pytest.raises(UserError) as refused:
        read_adapter(tmp_path / "adapter_model.safetensors")
    assert [(one.code, one.params["option"]) for one in refused.value.problems] == [
        ("peft_option_not_supported", option)
    ]


@pytest.mark.parametrize("name", ["alpha by layer", "magnitudes and roots", "biases"])
def test_diffusers_says_the_same_in_the_header(name: str, tmp_path: Path) -> None:
    model = trained(copy.deepcopy(OPTIONS[name]))
    model.save_pretrained(tmp_path)
    (tmp_path / "adapter_config.json").unlink()
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    config = {f"unet.{key}": value for key, value in model.peft_config["default"].to_dict().items()}
    said = json.dumps({key: sorted(value) if isinstance(value, set) else value for key, value in config.items()})
    path = tmp_path / "pytorch_lora_weights.safetensors"
    named = {key.replace("base_model.model.", "unet."): value for key, value in tensors.items()}
    save_file(named, path, {"lora_adapter_metadata": said})
    assert_as_merged(path, model.merge_and_unload())


def test_tensors_of_an_adapter_in_use_carry_its_name(tmp_path: Path) -> None:
    model = trained(LoraConfig(r=4, lora_alpha=8, use_dora=True, target_modules=ATTENTION))
    model.save_pretrained(tmp_path)
    state = {name: value.clone() for name, value in model.state_dict().items() if "lora_" in name}
    assert all(".default" in name for name in state)
    save_file(state, tmp_path / "adapter_model.safetensors")
    assert_as_merged(tmp_path / "adapter_model.safetensors", model.merge_and_unload())


def test_a_description_beside_a_file_of_another_program_is_not_its_own(tmp_path: Path) -> None:
    up, down = torch.randn(32, 4), torch.randn(4, 32)
    names = {
        "kohya": "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_{}.weight",
        "diffusers": "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora.{}.weight",
    }
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "lora_alpha": 32}', encoding="utf-8")
    for program, name in names.items():
        path = tmp_path / f"{program}.safetensors"
        save_file({name.format("up"): up, name.format("down"): down}, path)
        (module,) = read_adapter(path).modules.values()
        assert "alpha" not in module.tensors


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"init_lora_weights": "pissa_niter_4"}, "peft_changed_base"),
        ({"init_lora_weights": "olora"}, "peft_changed_base"),
        ({"alora_invocation_tokens": [1]}, "peft_option_not_supported"),
        ({"use_qalora": True}, "peft_option_not_supported"), ({"lora_alpha": "8"}, "peft_settings_unreadable"),
        ({"alpha_pattern": {"(": 1}}, "peft_settings_unreadable"), ({"alpha_pattern": [1]}, "peft_settings_unreadable"),
        ({"alpha_pattern": {"(a+)+b": 1}}, "peft_settings_unreadable"),
        ({"r": 4, "lora_alpha": float("nan")}, "peft_settings_unreadable"),
    ],
)  # fmt: skip
def test_what_cannot_be_applied_is_refused(said: dict[str, Any], code: str, tmp_path: Path) -> None:
    name = f"base_model.model.{FIRST}.lora_{{}}.weight"
    save_file({name.format("A"): torch.ones(4, 32), name.format("B"): torch.ones(32, 4)}, tmp_path / "a.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        read_adapter(tmp_path / "a.safetensors")
    assert [one.code for one in refused.value.problems] == [code]


@pytest.mark.parametrize("text", ["", "nothing", "[1]", "[" * 100_000, "\ud800"])
def test_a_header_that_is_no_description_is_named(text: str, tmp_path: Path) -> None:
    start = f"unet.{FIRST}"
    tensors = {f"{start}.lora_A.weight": torch.ones(4, 32), f"{start}.lora_B.weight": torch.ones(32, 4)}
    if text == "\ud800":
        (tmp_path / "adapter_config.json").write_bytes(b"\xff\xfe\x00")
        save_file({n.replace("unet.", "base_model.model."): t for n, t in tensors.items()}, tmp_path / "a.safetensors")
    else:
        save_file(tensors, tmp_path / "a.safetensors", {"lora_adapter_metadata": text})
    with pytest.raises(UserError) as refused:
        read_adapter(tmp_path / "a.safetensors")
    assert [one.code for one in refused.value.problems] == ["peft_settings_unreadable"]


def test_a_real_layer_named_by_peft_alone_is_told_by_its_size(tmp_path: Path) -> None:
    """Text encoders that a PEFT adapter of one network does not name."""
    for width, expected in ((1280, "lora_te2"), (1024, "lora_te"), (768, "lora_te")):
        start = "base_model.model.text_model.encoder.layers.0.self_attn.q_proj"
        path = tmp_path / f"{width}.safetensors"
        maps = {"A": torch.ones(4, width), "B": torch.ones(width, 4)}
        save_file({f"{start}.lora_{side}.weight": one for side, one in maps.items()}, path)
        file = read_adapter(path)
        assert list(file.modules) == [f"{expected}_text_model_encoder_layers_0_self_attn_q_proj"]
        assert file.kind == {1280: "SDXL", 1024: "SD 2.x", 768: ""}[width]
    assert next(iter(file.for_kind("SDXL").modules)).startswith("lora_te1_")

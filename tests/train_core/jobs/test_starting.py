"""The start of an adapter: a file, its ranks and layers, and what is merged into the model first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.adapters import adapter_on
from tests.tiny import tiny_file
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run, weights
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import NetworkSettings
from train_core.models.load import load_family
from train_core.networks.files.merging import change_by
from train_core.networks.files.reading import read_adapter
from train_core.networks.starting import merged_first

LATENTS = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
NO_STEP = {"learning_rate": 0.0, "unet_lr": 1e-30, "text_encoder_lr": 0.0}  # steps that move nothing


def adapter_file(prepare: Prepare, tmp_path: Path, name: str = "first", **values: Any) -> Path:
    """The file of a short training that moved far."""
    return Path(run(prepare(name, learning_rate=5e-2, max_train_epochs=1, **values))[-1]["path"])


@pytest.mark.parametrize("form", [{}, {"LoRA_type": "LoHa"}, {"LoRA_type": "LoKr", "dora_wd": True}])
def test_training_goes_on_from_the_file(prepare: Prepare, tmp_path: Path, form: dict[str, Any]) -> None:
    path = adapter_file(prepare, tmp_path, **form)
    events = run(prepare("second", network_weights=str(path), **NO_STEP, max_train_epochs=1, **form))
    before, after = load_file(path), weights(events)
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    moved = weights(run(prepare("third", network_weights=str(path), max_train_epochs=1, **form)))
    assert any(not torch.allclose(before[name], moved[name], atol=1e-6) for name in before)


def test_ranks_and_layers_are_the_file_s(prepare: Prepare, tmp_path: Path) -> None:
    path = adapter_file(prepare, tmp_path, network_dim=3, network_alpha=1.5, conv_dim=2, network_train_unet_only=True)
    other = {"network_weights": str(path), "network_dim": 8, "network_alpha": 8, "max_train_epochs": 1}
    after = weights(run(prepare("second", **other, dim_from_weights=True)))
    before = load_file(path)
    assert {name: t.shape for name, t in after.items()} == {name: t.shape for name, t in before.items()}
    assert all(torch.equal(after[name], before[name]) for name in before if name.endswith("alpha"))
    failed = run(prepare("third", **other))
    assert [event["code"] for event in kinds(failed, "error")] == ["network_weights_lost"]


def test_a_file_of_other_ranks_is_refused_with_the_way_out(prepare: Prepare, tmp_path: Path) -> None:
    path = adapter_file(prepare, tmp_path, network_dim=3)
    events = run(prepare("second", network_weights=str(path), max_train_epochs=1))
    assert [event["code"] for event in kinds(events, "error")] == ["network_weights_differ"]
    assert "dim_from_weights" in str(kinds(events, "error")[0])


def test_the_model_has_the_merged_files_in_it_at_their_strengths(prepare: Prepare, tmp_path: Path) -> None:
    first = adapter_file(prepare, tmp_path)
    second = adapter_file(prepare, tmp_path, "other", LoRA_type="LoHa", seed=9)
    model = ModelSettings(pretrained_model_name_or_path=str(tiny_file()))
    algorithm = AlgorithmSettings(base_weights=[str(first), str(second)], base_weights_multiplier=["0.5", "-0.25"])
    plain = load_family(model, torch.float32)
    changed = load_family(model, torch.float32, changes=merged_first(algorithm))
    files = [(read_adapter(first), 0.5), (read_adapter(second), -0.25)]
    layers = {target.file_key: target.module for target in changed.targets()}
    for target in plain.targets():
        weight = target.module.weight.detach()
        expected = weight.clone()
        for file, strength in files:
            if target.file_key in file.modules:
                expected += strength * change_by(file.modules[target.file_key], weight.shape, weight)
        assert torch.allclose(layers[target.file_key].weight, expected, atol=1e-6)
    attn = next(key for key in layers if key.endswith("attn1_to_q"))
    assert not torch.allclose(layers[attn].weight, {t.file_key: t for t in plain.targets()}[attn].module.weight)


def test_merging_first_changes_neither_what_is_trained_nor_the_names(prepare: Prepare, tmp_path: Path) -> None:
    base = adapter_file(prepare, tmp_path, conv_dim=2)
    plain = weights(run(prepare("plain", max_train_epochs=1)))
    merged = weights(run(prepare("merged", max_train_epochs=1, base_weights=[str(base)])))
    weaker = weights(
        run(prepare("weaker", max_train_epochs=1, base_weights=[str(base)], base_weights_multiplier=["0.5"]))
    )
    assert plain.keys() == merged.keys() == weaker.keys()
    ups = [name for name in plain if "lora_up" in name]
    assert any(not torch.equal(plain[name], merged[name]) for name in ups)
    assert any(not torch.equal(weaker[name], merged[name]) for name in ups)


def test_an_adapter_for_another_base_is_refused_before_the_model_is_read(prepare: Prepare, tmp_path: Path) -> None:
    path = tmp_path / "xl.safetensors"
    save_file(
        {
            "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": torch.zeros(8, 2),
            "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": torch.zeros(2, 4),
        },
        path,
    )
    for setting in ({"base_weights": [str(path)]}, {"network_weights": str(path)}):
        events = run(prepare("job", max_train_epochs=1, **setting))
        assert [event["code"] for event in kinds(events, "error")] == ["adapter_of_another_base"]


def test_a_missing_file_is_named_before_any_work(prepare: Prepare, tmp_path: Path) -> None:
    missing = str(tmp_path / "no.safetensors")
    for setting in ({"base_weights": [missing]}, {"network_weights": missing}):
        events = run(prepare("job", **setting))
        assert "no.safetensors" in str(kinds(events, "error")[0])
        assert not [event for event in kinds(events, "stage") if event["name"] == "loading"]


def test_layers_by_a_file_of_their_own(prepare: Prepare, tmp_path: Path) -> None:
    file = tmp_path / "layers.toml"
    file.write_text(
        'enable_conv = false\nunet_target_name = ["attn2.to_k"]\ntext_encoder_target_module = []\n'
        'text_encoder_target_name = []\n[name_algo_map."attn2.to_k"]\nalgo = "lokr"\nfactor = 4\n', encoding="utf-8",
    )
    tensors = weights(run(prepare("own", LyCORIS_preset=str(file), max_train_epochs=1)))
    assert tensors
    assert all("attn2_to_k.lokr_" in name or name.endswith("attn2_to_k.alpha") for name in tensors)


def test_norms_are_trained_where_asked_for(prepare: Prepare, tmp_path: Path) -> None:
    tensors = weights(run(prepare("norms", train_norm=True, LyCORIS_preset="full", conv_dim=2, max_train_epochs=1)))
    norms = [name for name in tensors if name.endswith(".w_norm")]
    assert norms
    assert all(tensors[name].abs().max() > 0 for name in norms)


def test_block_ranks_are_the_ranks_of_the_blocks(targets_of_tiny: list[Any]) -> None:
    ranks = list(range(25))
    network = NetworkSettings(block_dims=",".join(map(str, ranks)), network_alpha=2)
    adapter = adapter_on(targets_of_tiny, network)
    blocks = {target.file_key: target.block for target in targets_of_tiny if target.part == "unet"}
    for key, layer in adapter.layers.items():
        if key in blocks:
            assert layer.rank == ranks[blocks[key]]
    assert not any(blocks.get(key) == 0 for key in adapter.layers)


@pytest.fixture
def targets_of_tiny() -> list[Any]:
    return load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file())), torch.float32).targets()

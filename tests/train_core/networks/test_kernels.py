"""Adapters of SD 2.x hold 1x1 convolutions around attention, as sd-scripts writes and expects them; both are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tests.train_core.workshop.conftest import VERSIONS, family, random_adapter
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.networks.files.adapter_file import save_adapter
from train_core.networks.files.merging import change_by
from train_core.networks.files.reading import read_adapter
from train_core.networks.kernels import is_around_attention
from train_core.networks.starting import adapter_of

SAID = {kind: {"ss_base_model_version": version} for kind, version in VERSIONS.items()}
FORMS: dict[str, dict[str, Any]] = {
    "LoRA": {}, "DyLoRA": {"LoRA_type": "DyLoRA"}, "LoRA-FA": {"LoRA_type": "LoRA-FA"},
    "DoRA on inputs": {"dora_wd": True, "wd_on_output": False},
    "DoRA on outputs": {"dora_wd": True, "wd_on_output": True},
    "LoHa": {"LoRA_type": "LoHa"}, "LoKr": {"LoRA_type": "LoKr", "factor": 2, "network_dim": 1},
    "LoKr, whole": {"LoRA_type": "LoKr", "full_matrix": True}, "GLoRA": {"LoRA_type": "GLoRA"},
    "(IA)3": {"LoRA_type": "IA3"}, "(IA)3 on inputs": {"LoRA_type": "IA3", "train_on_input": True},
    "Diag-OFT": {"LoRA_type": "Diag-OFT", "rescaled": True}, "full": {"LoRA_type": "Full"},
}  # fmt: skip


def shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def around_attention(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: its for name, its in tensors.items() if is_around_attention(name.partition(".")[0])}


@pytest.mark.parametrize("form", FORMS)
def test_files_of_sd2_have_the_shapes_of_convolutions_around_attention(form: str, tmp_path: Path) -> None:
    adapter = random_adapter("sd2", **FORMS[form])
    save_adapter(tmp_path / "a.safetensors", adapter.state_dict_for_file(), SAID["sd2"])
    saved = load_file(tmp_path / "a.safetensors")
    key, layer = next((key, layer) for key, layer in adapter.layers.items() if is_around_attention(key))
    assert isinstance(layer.base, nn.Linear)
    as_convolution = nn.Conv2d(layer.base.in_features, layer.base.out_features, 1)
    expected = type(layer)(as_convolution, layer.options, torch.Generator()).tensors()
    assert {name: saved[f"{key}.{name}"].shape for name in expected} == {n: t.shape for n, t in expected.items()}


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("said", [SAID["sd2"], {}], ids=["kind said", "kind unsaid"])
@pytest.mark.parametrize("form", FORMS)
def test_both_shapes_are_read_and_mean_the_same(form: str, said: dict, kernels: bool, tmp_path: Path) -> None:
    adapter = random_adapter("sd2", **FORMS[form])
    path, plain = tmp_path / "a.safetensors", adapter.state_dict_for_file()
    save_adapter(path, plain, SAID["sd2"] if kernels else {})
    save_file(load_file(path), path, said)
    file = read_adapter(path)
    for key, layer in adapter.layers.items():
        if is_around_attention(key):
            weight = layer.base_weight()
            torch.testing.assert_close(change_by(file.modules[key], weight.shape, weight), layer.delta())


@pytest.mark.parametrize("from_file", [True, False], ids=["dim_from_weights", "own rank"])
@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_training_goes_on_from_both_shapes(form: str, kernels: bool, from_file: bool, tmp_path: Path) -> None:
    adapter = random_adapter("sd2", **FORMS[form])
    path, its = tmp_path / "a.safetensors", family("sd2")
    save_adapter(path, adapter.state_dict_for_file(), SAID["sd2"] if kernels else {})
    network = {n: value for n, value in FORMS[form].items() if n in NetworkSettings.model_fields}
    algorithm = {n: value for n, value in FORMS[form].items() if n in AlgorithmSettings.model_fields}
    again = adapter_of(
        its.targets(), NetworkSettings(**{"network_dim": 4, "network_alpha": 2, **network}),
        AlgorithmSettings(network_weights=str(path), dim_from_weights=from_file, **algorithm), its, seed=9,
    )
    found = again.state_dict_for_file()
    expected = adapter.state_dict_for_file()
    assert shapes(found) == shapes(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_files_of_other_kinds_have_the_shapes_of_the_models_own_weights(kind: str, tmp_path: Path) -> None:
    plain = random_adapter(kind).state_dict_for_file()
    save_adapter(tmp_path / "a.safetensors", plain, SAID[kind])
    assert shapes(load_file(tmp_path / "a.safetensors")) == shapes(plain)
    assert {its.dim() for its in around_attention(plain).values() if its.dim()} == {4 if kind == "sd1" else 2}

"""Files mean the same to LyCORIS as to us: it computes with ours what we compute, and we with its own."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from lycoris import modules as lycoris
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tests.train_core.networks.test_algorithms import FORMS, LAYERS, NORMS, Form, input_of, moved, trained, write
from train_core.facts.adapters.options import LayerOptions
from train_core.networks.algorithms.full import NormLayer
from train_core.networks.files.merging import change_by
from train_core.networks.files.reading import read_adapter
from train_core.networks.weight_change import WeightChange

KINDS = ["linear", "1x1", "3x3"]


def difference(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def their_change(layer: WeightChange, tensors: dict[str, Tensor], x: Tensor) -> Tensor:
    """Output that their module of these tensors adds to the frozen layer's."""
    base = copy.deepcopy(layer.base)
    algorithm, found = lycoris.get_module(tensors, "lora_unet_x")
    options = layer.options
    if algorithm is lycoris.IA3Module or (options.dora_wd and not options.wd_on_output) or options.use_tucker:
        # Its own way from a file to a module lacks (IA)3, takes DoRA to be on outputs, and fails for LoKr with Tucker.
        module = algorithm(
            "lora_unet_x", base, 1.0, options.rank, options.alpha, use_tucker=options.use_tucker, factor=options.factor,
            weight_decompose=options.dora_wd, wd_on_out=options.wd_on_output, train_on_input=options.train_on_input,
        )
        module.load_state_dict({k.removeprefix("lora_unet_x."): v for k, v in tensors.items()}, strict=False)
    else:
        module = lycoris.make_module(algorithm, found, "lora_unet_x", base)
    return effect(module, base, x)


@torch.no_grad()
def effect(module: nn.Module, base: nn.Module, x: Tensor) -> Tensor:
    plain = base(x)
    module.eval().apply_to()
    return base(x) - plain


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_lycoris_computes_with_our_file_what_we_compute(form: Form, kind: str, tmp_path: Path) -> None:
    layer = trained(form, kind).eval()
    tensors = load_file(write(tmp_path / "a.safetensors", layer))
    x = input_of(kind)
    assert difference(their_change(layer, tensors, x), layer(x) - layer.base_forward(x)) < 1e-5


THEIRS: dict[str, tuple[Any, dict[str, Any]]] = {
    "LoCon": (lycoris.LoConModule, {}),
    "LoCon with Tucker": (lycoris.LoConModule, {"use_tucker": True}),
    "LoCon with a scalar": (lycoris.LoConModule, {"use_scalar": True}),
    "LoCon with DoRA on outputs": (lycoris.LoConModule, {"weight_decompose": True, "wd_on_out": True}),
    "LoCon with DoRA on inputs": (lycoris.LoConModule, {"weight_decompose": True, "wd_on_out": False}),
    "LoCon, rank-stabilised": (lycoris.LoConModule, {"rs_lora": True}),
    "LoHa": (lycoris.LohaModule, {}),
    "LoHa with Tucker": (lycoris.LohaModule, {"use_tucker": True}),
    "LoHa with DoRA": (lycoris.LohaModule, {"weight_decompose": True}),
    "LoKr": (lycoris.LokrModule, {"factor": -1}),
    "LoKr of low rank": (lycoris.LokrModule, {"factor": 2, "lora_dim": 1}),
    "LoKr, both of low rank": (lycoris.LokrModule, {"factor": -1, "lora_dim": 1, "decompose_both": True}),
    "LoKr, whole": (lycoris.LokrModule, {"factor": 4, "full_matrix": True}),
    "GLoRA": (lycoris.GLoRAModule, {}),
    "IA3": (lycoris.IA3Module, {}),
    "IA3 on inputs": (lycoris.IA3Module, {"train_on_input": True}),
    "Diag-OFT": (lycoris.DiagOFTModule, {}),
    "Diag-OFT, rescaled": (lycoris.DiagOFTModule, {"rescaled": True}),
    "Diag-OFT, bounded": (lycoris.DiagOFTModule, {"constraint": 1e-2}),
    "BOFT": (lycoris.ButterflyOFTModule, {}),
    "Full": (lycoris.FullModule, {}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", THEIRS)
def test_we_compute_with_their_file_what_they_compute(name: str, kind: str, tmp_path: Path) -> None:
    algorithm, options = THEIRS[name]
    torch.manual_seed(5)
    base = LAYERS[kind][0]().requires_grad_(False)
    twin = copy.deepcopy(base)
    module = algorithm("lora_unet_x", base, 1.0, **{"lora_dim": 4, "alpha": 2.0, **options})
    module.eval().apply_to()
    moved(module)
    state = {f"lora_unet_x.{key}": value.detach().clone().contiguous() for key, value in module.state_dict().items()}
    save_file(state, tmp_path / "theirs.safetensors")
    x = input_of(kind)
    plain = twin(x)
    with torch.no_grad():
        expected = base(x) - plain

    found = read_adapter(tmp_path / "theirs.safetensors").modules["lora_unet_x"]
    twin.weight.data += change_by(found, twin.weight.shape, twin.weight.detach())
    bias = found.algorithm.bias_change_of(found.read())
    if bias is not None:
        twin.bias.data += bias
    assert difference(twin(x) - plain, expected) < 1e-5


@pytest.mark.parametrize("kind", NORMS)
def test_norms_are_the_same_in_both_directions(kind: str, tmp_path: Path) -> None:
    base = NORMS[kind][0]().requires_grad_(False)
    layer = moved(NormLayer(base, LayerOptions(), torch.Generator().manual_seed(0)))
    x = input_of(kind)
    tensors = load_file(write(tmp_path / "a.safetensors", layer))
    assert difference(their_change(layer, tensors, x), layer(x) - base(x)) < 1e-5

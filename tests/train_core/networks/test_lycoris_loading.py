"""LyCORIS's own loader takes our files for a U-Net of full size; where it does not, it refuses its own files too."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from lycoris.config import PRESET
from lycoris.kohya import LycorisNetworkKohya, create_network_from_weights
from lycoris.modules.lokr import LokrModule
from torch import Tensor, nn

from tests.adapters import adapter_on
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.models.family import Target
from train_core.models.targets import unet_targets

FORMS: dict[str, dict[str, Any]] = {
    "LoRA": {}, "DyLoRA": {"LoRA_type": "DyLoRA"}, "LoRA-FA": {"LoRA_type": "LoRA-FA"}, "LoHa": {"LoRA_type": "LoHa"},
    "LoKr": {"LoRA_type": "LoKr", "factor": 8}, "LoKr, whole": {"LoRA_type": "LoKr", "full_matrix": True},
    "GLoRA": {"LoRA_type": "GLoRA"}, "Diag-OFT": {"LoRA_type": "Diag-OFT"},
    "BOFT": {"LoRA_type": "BOFT", "network_dim": 64, "conv_dim": 64},
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def preset() -> None:
    """Layers for the network of its own that the loader makes first: the default names some of them twice."""
    LycorisNetworkKohya.apply_preset(PRESET["attn-only"])


@cache
def unet() -> UNet2DConditionModel:
    with torch.device("meta"):
        return UNet2DConditionModel(cross_attention_dim=768)  # SD 1.5's, without memory behind it


@cache
def targets() -> tuple[Target, ...]:
    """One layer of each shape."""
    found: dict[Any, Target] = {}
    for target in unet_targets(unet()):
        if not target.is_norm:
            found.setdefault((type(target.module), tuple(target.module.weight.shape)), target)
    return tuple(found.values())


def file_of(settings: dict[str, Any]) -> dict[str, Tensor]:
    """Random tensors of a file that these settings make."""
    network = {name: value for name, value in settings.items() if name in NetworkSettings.model_fields}
    algorithm = {name: value for name, value in settings.items() if name in AlgorithmSettings.model_fields}
    adapter = adapter_on(
        targets(), NetworkSettings(**{"network_dim": 8, "network_alpha": 4, "conv_dim": 8, "conv_alpha": 4, **network}),
        algorithm=AlgorithmSettings(**algorithm),
    )
    torch.manual_seed(0)
    return {
        f"{key}.{name}": torch.randn(tensor.shape) if tensor.dim() else torch.tensor(4.0)
        for key, layer in adapter.layers.items() for name, tensor in layer.tensors().items()
    }


def loaded(tensors: dict[str, Tensor]) -> dict[str, nn.Module]:
    network, _ = create_network_from_weights(1.0, None, None, None, unet(), weights_sd=tensors)
    return {module.lora_name: module for module in network.unet_loras}


@pytest.mark.parametrize("form", FORMS)
def test_lycoris_loads_our_files(form: str) -> None:
    tensors = file_of(FORMS[form])
    found = loaded(tensors)
    assert found.keys() == {name.partition(".")[0] for name in tensors}
    for key, module in found.items():
        state = module.state_dict()
        for name, tensor in tensors.items():
            start, _, own = name.partition(".")
            if start == key and own in state and own != "alpha":
                assert state[own].equal(tensor), name


def test_what_lycoris_refuses_of_low_rank_lokr_it_refuses_of_its_own_files_too() -> None:
    """It takes the kernel's places for inputs, and so guesses another factor for some 3x3 convolutions."""
    key = "lora_unet_up_blocks_2_resnets_0_conv1"
    layer = unet().get_submodule("up_blocks.2.resnets.0.conv1")
    theirs = LokrModule(key, layer, 1.0, lora_dim=8, alpha=4, factor=-1).state_dict()
    tensors = file_of({"LoRA_type": "LoKr"})
    ours = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{key}.")}
    assert {name.partition(".")[2]: its.shape for name, its in ours.items()} == {n: t.shape for n, t in theirs.items()}
    for file in (ours, {f"{key}.{name}": torch.zeros(tensor.shape) for name, tensor in theirs.items()}):
        with pytest.raises(RuntimeError, match="must match"):
            loaded(file)
    others = {name: tensor for name, tensor in tensors.items() if name not in ours}
    assert loaded(others).keys() == {name.partition(".")[0] for name in others}


def test_lycoris_loads_whole_weights_and_has_no_way_from_files_to_ia3() -> None:
    base = nn.ModuleDict({"proj": nn.Linear(48, 80)})  # whole weights are copied from the layer, so it has to be real
    full = {"lora_unet_proj.diff": torch.randn(80, 48), "lora_unet_proj.diff_b": torch.randn(80)}
    network, _ = create_network_from_weights(1.0, None, None, None, base, weights_sd=full)
    assert network.unet_loras[0].weight.shape == (80, 48)
    ia3 = {"lora_unet_proj.weight": torch.zeros(80), "lora_unet_proj.on_input": torch.tensor(0.0)}
    with pytest.raises(TypeError):
        create_network_from_weights(1.0, None, None, None, base, weights_sd=ia3)


@pytest.mark.parametrize("on_output", [True, False])
def test_dora_loads_there_with_magnitudes_of_outputs_alone(on_output: bool) -> None:
    """It reads a file of either as one of outputs; A1111 and ComfyUI tell them apart."""
    base = nn.ModuleDict({"proj": nn.Linear(48, 80)})
    key = "lora_unet_proj"
    outputs, inputs = base["proj"].weight.shape
    tensors = {
        f"{key}.lora_up.weight": torch.ones(outputs, 4), f"{key}.lora_down.weight": torch.ones(4, inputs),
        f"{key}.alpha": torch.tensor(4.0),
        f"{key}.dora_scale": torch.ones((outputs, 1) if on_output else (1, inputs)),
    }  # fmt: skip
    if on_output:
        network, _ = create_network_from_weights(1.0, None, None, None, base, weights_sd=tensors)
        assert network.unet_loras[0].dora_scale.shape == (outputs, 1)
    else:
        with pytest.raises(RuntimeError):
            create_network_from_weights(1.0, None, None, None, base, weights_sd=tensors)

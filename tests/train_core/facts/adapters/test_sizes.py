"""File sizes, held against the adapters that train, and against a figure that people know."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.train_core.facts.adapters.test_layers import family
from train_core.config.problems import UserError
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.sections.rates import RateSettings
from train_core.facts.adapters.choice import NORMS
from train_core.facts.adapters.layers import Layer, usual_measures
from train_core.facts.adapters.options import LayerOptions
from train_core.facts.adapters.sizes import VALUES, AdapterSize, adapter_size, values_in
from train_core.networks.algorithms.names import ALGORITHMS
from train_core.networks.choose import CLASSES, Chooser

MIB = 2**20
BASES = {
    (64, 48): lambda: nn.Linear(48, 64), (32, 48): lambda: nn.Linear(48, 32, bias=False),
    (64, 64, 1, 1): lambda: nn.Conv2d(64, 64, 1), (64, 32, 3, 3): lambda: nn.Conv2d(32, 64, 3),
}  # fmt: skip
FORMS = [
    LayerOptions(rank=4), LayerOptions(rank=40), LayerOptions(rank=8, use_tucker=True),
    LayerOptions(rank=4, dora_wd=True), LayerOptions(rank=4, dora_wd=True, wd_on_output=True),
    LayerOptions(rank=4, use_scalar=True), LayerOptions(rank=2, decompose_both=True, factor=8),
    LayerOptions(rank=2, full_matrix=True), LayerOptions(rank=4, use_tucker=True, factor=4),
    LayerOptions(rank=16, rescaled=True, constraint=0.1), LayerOptions(rank=4, train_on_input=True),
]  # fmt: skip


def size(kind: str = "SD 1.x", algorithm: AlgorithmSettings | None = None, **network: object) -> AdapterSize:
    own = algorithm or AlgorithmSettings()
    found = adapter_size(NetworkSettings(**network), own, RateSettings(), usual_measures(kind))
    assert found is not None
    return found


def test_rank_128_on_sd_15_in_fp16_is_144_mib():
    found = size(network_dim=128)
    assert found.layers == 264
    assert round(found.bytes_in("fp16") / MIB) == 144
    assert found.bytes_in("float") == 2 * found.bytes_in("bf16")


def test_every_algorithm_is_in_the_table():
    assert VALUES.keys() == {NORMS, *ALGORITHMS}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_layer_keeps_as_many_numbers_as_the_table_says(algorithm):
    for (shape, make), options in product(BASES.items(), FORMS):
        base = make()
        path = "x.attn1.to_q" if base.bias is None else "x.proj"
        layer = Layer("unet", path, (), (), 0, shape, True)
        trained = ALGORITHMS[algorithm](base, options, torch.Generator())
        expected = sum(tensor.numel() for tensor in trained.tensors().values())
        assert values_in(algorithm, layer, options) == expected, (shape, options)


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("SD 1.x", {}), ("SD 1.x", {"conv_dim": 8, "network_train_unet_only": True}),
        ("SD 1.x", {"LyCORIS_preset": "full", "train_norm": True}),
        ("SD 2.x", {"LyCORIS_preset": "attn-only", "LoRA_type": "LoHa"}),
        ("SDXL", {"network_train_text_encoder_only": True}), ("SDXL", {"LyCORIS_preset": "ia3", "LoRA_type": "IA3"}),
        ("SD 2.x", {"LoRA_type": "LoKr", "LyCORIS_preset": "unet-convblock-only"}),
    ],
    ids=str,
)
def test_a_whole_adapter_is_as_large_as_the_one_that_trains(kind, network):
    settings, model = NetworkSettings(**network), family(kind)
    values = layers = unet = 0
    for chosen in Chooser(settings, AlgorithmSettings(), model.block_layout).choose(model.targets()):
        with torch.device("meta"):
            layer = chosen.algorithm(chosen.target.module, chosen.options, torch.Generator())
        count = sum(tensor.numel() for tensor in layer.tensors().values())
        values, layers, unet = values + count, layers + 1, unet + count * chosen.target.in_denoiser
    assert size(kind, **network) == AdapterSize(values, layers, unet)


def test_block_ranks_count_and_a_wrong_number_of_them_is_told():
    half = ",".join(["16"] * 12 + ["0"] * 13)
    assert size(block_dims=half).unet < size(network_dim=16).unet
    with pytest.raises(UserError, match="25 blocks"):
        size(block_dims="1,2,3")


def test_blocks_that_learn_nothing_are_not_in_the_file():
    rates = RateSettings(down_lr_weight="zeros", mid_lr_weight="0", up_lr_weight="zeros")
    found = adapter_size(NetworkSettings(), AlgorithmSettings(), rates, usual_measures("SD 1.x"))
    assert found is not None
    assert (found.unet, found.values) == (0, size(network_train_text_encoder_only=True).values)


def test_an_adapter_that_takes_its_layers_from_a_file_is_as_large_as_that(tmp_path):
    tensors = {"lora_unet_a.lora_up.weight": torch.zeros(4, 8), "lora_te_b.alpha": torch.zeros(())}
    save_file(tensors, tmp_path / "a.safetensors")
    start = AlgorithmSettings(network_weights=str(tmp_path / "a.safetensors"), dim_from_weights=True)
    assert size(algorithm=start) == AdapterSize(values=33, layers=2, unet=32)


def test_the_classes_of_the_table_are_those_that_train():
    assert CLASSES.keys() == VALUES.keys()

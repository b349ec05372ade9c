"""An adapter in the weights of the model: the same output as attached, and the model is given back to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.train_core.networks.test_algorithms import FORMS, LAYERS, NORMS, Form, close, input_of, moved, trained
from tests.train_core.networks.test_several_adapters import alone
from train_core.facts.adapters.options import LayerOptions
from train_core.networks.algorithms.full import NormLayer
from train_core.networks.in_weights import in_weights
from train_core.networks.weight_change import WeightChange


def check(layer: WeightChange, kind: str) -> None:
    """The output of the module of `layer` in weights at -0.7, and afterwards."""
    x, base, adapter = input_of(kind), layer.base, alone(layer.eval())
    own = dict(base.named_parameters())
    values = {name: value.detach().clone() for name, value in own.items()}
    before = base(x)
    adapter.attach(-0.7)
    expected = base(x)
    adapter.detach()
    with in_weights(adapter, lambda key: -0.7):
        assert close(base(x), expected, 1e-5) and not close(before, expected, 0.01)
    with in_weights(adapter, lambda key: 0.0):
        assert torch.equal(base(x), before)
    now = dict(base.named_parameters())
    assert now.keys() == own.keys() and all(now[name] is own[name] for name in own)
    assert all(torch.equal(now[name], values[name]) for name in own) and torch.equal(base(x), before)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("form", FORMS, ids=str)
@torch.no_grad()
def test_the_output_is_that_of_the_attached_adapter_and_the_model_is_given_back(form: Form, kind: str) -> None:
    check(trained(form, kind), kind)


@pytest.mark.parametrize("kind", NORMS)
@torch.no_grad()
def test_so_are_norms(kind: str) -> None:
    base = NORMS[kind][0]().requires_grad_(False)
    check(moved(NormLayer(base, LayerOptions(), torch.Generator())), kind)


@torch.no_grad()
def test_a_layer_without_a_bias_has_the_files_for_as_long() -> None:
    layer = trained(Form("Full"), "linear without bias")
    layer.adopt({"diff": torch.ones(16, 12), "diff_b": torch.arange(16.0)})
    check(layer, "linear without bias")


@torch.no_grad()
def test_an_error_meanwhile_gives_the_model_back_too() -> None:
    layer = trained(Form("LoRA"))
    before = layer.base.weight
    with pytest.raises(KeyboardInterrupt), in_weights(alone(layer), lambda key: 1.0):
        raise KeyboardInterrupt
    assert layer.base.weight is before


@torch.no_grad()
def test_weights_keep_their_layout_in_memory() -> None:
    layer = trained(Form("LoRA"), "3x3")
    base: nn.Conv2d = layer.base.to(memory_format=torch.channels_last)
    with in_weights(alone(layer), lambda key: 1.0):
        assert base.weight.is_contiguous(memory_format=torch.channels_last)

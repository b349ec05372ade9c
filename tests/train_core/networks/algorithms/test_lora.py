"""One layer of LoRA: its formula, its gradients, its start and its dropouts, over every kind of layer."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from train_core.facts.adapters.options import LayerOptions
from train_core.networks.algorithms.lora import LoraLayer

LAYERS = {
    "linear": (lambda: nn.Linear(12, 20), (2, 7, 12)),
    "linear without bias": (lambda: nn.Linear(12, 20, bias=False), (2, 12)),
    "1x1": (lambda: nn.Conv2d(12, 20, 1), (2, 12, 5, 6)),
    "1x1 with stride": (lambda: nn.Conv2d(12, 20, 1, stride=2), (2, 12, 5, 6)),
    "3x3": (lambda: nn.Conv2d(12, 20, 3, padding=1), (2, 12, 5, 6)),
    "3x3 with stride": (lambda: nn.Conv2d(12, 20, 3, stride=2, padding=1), (2, 12, 5, 6)),
}
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-5, torch.bfloat16: 3e-2}  # weights that train are fp32


def make(kind: str, dtype: torch.dtype = torch.float32, **options) -> tuple[LoraLayer, torch.Tensor]:
    """A frozen layer of `kind` in `dtype` under a LoRA with random weights, and an input for it."""
    torch.manual_seed(3)
    build, shape = LAYERS[kind]
    base = build().to(dtype).requires_grad_(False)
    layer = LoraLayer(base, LayerOptions(4, 2.0, **options), torch.Generator().manual_seed(0))
    nn.init.normal_(layer.lora_up, std=0.3)
    return layer, torch.randn(shape).to(dtype)


def merged(layer: LoraLayer) -> nn.Module:
    """The frozen layer with the change added to its weight, in fp64."""
    module = copy.deepcopy(layer.base).double()
    module.weight.data += layer.delta().double()
    return module


def close(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).norm()) <= tolerance * float(expected.norm())


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", LAYERS)
def test_output_is_that_of_the_merged_weight(kind, dtype):
    layer, x = make(kind, dtype)
    y = layer(x)
    assert y.dtype == dtype
    assert close(y, merged(layer)(x.double()), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_are_those_of_the_formula(kind, dtype):
    layer, x = make(kind, dtype)
    x.requires_grad_()
    grad = torch.randn_like(layer(x))
    layer(x).backward(grad)

    down, up = (p.detach().double().requires_grad_() for p in (layer.lora_down, layer.lora_up))
    change = layer.scale * (up.flatten(1) @ down.flatten(1))
    weight = layer.base.weight.double() + change.view(layer.base.weight.shape)
    plain = x.detach().double().requires_grad_()
    if layer.conv:
        y = F.conv2d(plain, weight, layer.base.bias.double(), layer.base.stride, layer.base.padding)
    else:
        y = F.linear(plain, weight)
    y.backward(grad.double())
    for found, expected in ((x, plain), (layer.lora_down, down), (layer.lora_up, up)):
        assert close(found.grad, expected.grad, TOLERANCE[dtype])
    assert layer.lora_down.grad.dtype == torch.float32
    assert layer.base.weight.grad is None


def test_frozen_input_and_frozen_factors_cost_no_gradient():
    layer, x = make("linear")
    layer.lora_down.requires_grad_(False)
    layer(x).sum().backward()
    assert layer.lora_down.grad is None
    assert layer.lora_up.grad is not None
    assert x.grad is None


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kind", ["1x1", "3x3"])
def test_convolutions_keep_the_layout_of_their_input(kind, memory_format):
    layer, x = make(kind)
    assert layer(x.contiguous(memory_format=memory_format)).is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("kind", LAYERS)
def test_training_starts_from_the_frozen_model(kind):
    build, shape = LAYERS[kind]
    base = build()
    layer = LoraLayer(base, LayerOptions(4), torch.Generator().manual_seed(0))
    x = torch.randn(shape)
    assert torch.equal(layer.lora_up, torch.zeros_like(layer.lora_up))
    assert torch.allclose(layer(x), base(x), atol=1e-6)


@pytest.mark.parametrize("kind", LAYERS)
def test_down_starts_uniform_within_one_over_root_of_inputs(kind):
    layer, _ = make(kind)
    bound = layer.lora_down[0].numel() ** -0.5  # Kaiming-uniform with a = sqrt(5)
    assert 0.8 * bound < float(layer.lora_down.detach().abs().max()) <= bound


@pytest.mark.parametrize(
    ("kind", "down", "up"),
    [("linear", (4, 12), (20, 4)), ("1x1", (4, 12, 1, 1), (20, 4, 1, 1)), ("3x3", (4, 12, 3, 3), (20, 4, 1, 1))],
)
def test_saved_shapes_are_those_of_the_format(kind, down, up):
    tensors = make(kind)[0].tensors()
    assert tuple(tensors["lora_down.weight"].shape) == down
    assert tuple(tensors["lora_up.weight"].shape) == up
    assert tensors["alpha"].shape == ()
    assert float(tensors["alpha"]) == 2.0


@pytest.mark.parametrize("alpha", [None, 0.0])
def test_no_alpha_means_the_rank(alpha):
    layer = LoraLayer(nn.Linear(3, 3), LayerOptions(8, alpha), torch.Generator())
    assert layer.scale == 1
    assert float(layer.tensors()["alpha"]) == 8


def test_a_file_without_alpha_means_the_rank():
    layer, _ = make("linear")
    layer.load({name: tensor for name, tensor in layer.tensors().items() if name != "alpha"})
    assert layer.scale == 1


DROPOUTS = [{"dropout": 0.5}, {"rank_dropout": 0.5}, {"module_dropout": 0.5}]


@pytest.mark.parametrize("options", DROPOUTS)
@pytest.mark.parametrize("kind", ["linear", "3x3"])
def test_dropouts_follow_from_the_seeds_alone(kind, options):
    layer, x = make(kind, **options)

    def outputs(seeds):
        results = []
        for seed in seeds:
            layer.draws.step, layer.draws.samples = seed, (seed, seed + 100)
            results.append(layer(x))
        return results

    first = outputs(range(8))
    torch.manual_seed(99)
    assert all(torch.equal(a, b) for a, b in zip(first, outputs(range(8)), strict=True))
    assert any(not torch.equal(first[0], other) for other in first[1:])


@pytest.mark.parametrize("options", DROPOUTS)
@pytest.mark.parametrize("kind", ["linear", "3x3"])
def test_dropouts_are_off_when_not_training(kind, options):
    layer, x = make(kind, **options)
    assert torch.allclose(layer.eval()(x), make(kind)[0](x), atol=1e-6)


@pytest.mark.parametrize("options", DROPOUTS[:2])
@pytest.mark.parametrize("kind", ["linear", "3x3"])
def test_a_sample_is_dropped_alike_in_whatever_batch_it_is(kind, options):
    layer, x = make(kind, **options)
    layer.draws.step, layer.draws.samples = 1, (11, 22)
    together = layer(x)
    layer.draws.step, layer.draws.samples = 1, (22,)
    assert torch.allclose(layer(x[1:]), together[1:], atol=1e-6)


@pytest.mark.parametrize("options", DROPOUTS[:2])
def test_dropout_keeps_the_mean(options):
    layer, x = make("linear", **options)
    layer.draws.samples = tuple(range(2000))
    many = layer(x[:1].expand(2000, *x.shape[1:]))
    assert close(many.mean(0), make("linear")[0](x)[0], 0.1)


def test_rank_dropout_leaves_out_whole_ranks_of_a_sample():
    layer, _ = make("linear", rank_dropout=0.5)
    layer.draws.samples = (1, 2, 3)
    dropped = layer._drop(torch.ones(3, 7, 4))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))


def test_a_module_left_out_computes_the_base_and_gets_zero_gradients():
    layer, x = make("linear", module_dropout=0.99)
    layer(x).sum().backward()
    assert torch.allclose(layer(x), layer.base(x), atol=1e-6)
    assert float(layer.lora_down.grad.abs().max()) == 0
    assert float(layer.lora_up.grad.abs().max()) == 0

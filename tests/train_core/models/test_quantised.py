"""Frozen weights in fewer bits or away from the card: how near they are, and that nothing whole is kept."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from tests.adapters import lora_layers
from tests.tiny import tiny_file
from train_core.config.sections.memory import MemorySettings
from train_core.config.sections.model import ModelSettings
from train_core.facts.adapters.options import LayerOptions
from train_core.models.fitting import hold_base
from train_core.models.load import load_family
from train_core.models.number_formats import FORMATS, Whole
from train_core.models.quantised import Held, hold, shape_of, weight_of
from train_core.networks.algorithms.lora import LoraLayer

LAYERS = {
    "linear": (lambda: nn.Linear(64, 128), (2, 7, 64)),
    "linear without bias": (lambda: nn.Linear(64, 128, bias=False), (3, 64)),
    "1x1": (lambda: nn.Conv2d(64, 128, 1), (2, 64, 5, 6)),
    "3x3 with stride": (lambda: nn.Conv2d(64, 128, 3, stride=2, padding=1), (2, 64, 9, 7)),
}
# The largest error of a weight, as a share of the largest weight of its row or block.
WORST = {"same": 0.0, "fp8": 2.0**-4, "int8": 0.5 / 127, "nf4": 0.16}
BITS = {"same": 32, "fp8": 8, "int8": 8, "nf4": 4}


def pair(kind: str, precision: str, away: bool = False) -> tuple[nn.Module, nn.Module, Tensor]:
    """A layer held in `precision`, a plain one with the very weight that the first is made of, and an input."""
    torch.manual_seed(5)
    build, shape = LAYERS[kind]
    held = build().requires_grad_(False)
    plain = copy.deepcopy(held)
    hold(held, precision, away, "cpu")
    x = torch.randn(shape)
    plain.weight.data.copy_(weight_of(held, x))
    return held, plain, x


@contextmanager
def kept_for_backward(weight_size: int) -> Iterator[list[int]]:
    """The sizes of what autograd keeps within that is as large as the weight."""
    sizes: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        if tensor.numel() == weight_size:
            sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield sizes


@pytest.mark.parametrize("precision", FORMATS)
def test_weights_are_near_and_take_the_bits_they_promise(precision: str) -> None:
    torch.manual_seed(5)
    layer = nn.Linear(256, 512, bias=False).requires_grad_(False)
    layer.weight.data.mul_(torch.logspace(-3, 0, 512)[:, None])  # rows of very different size
    weight = layer.weight.detach().clone()
    hold(layer, precision, False, "cpu")
    error = (weight_of(layer, torch.zeros(1)) - weight).abs()
    assert (error.amax(1) <= (WORST[precision] + 1e-6) * weight.abs().amax(1)).all()
    stored = sum(buffer.numel() * buffer.element_size() for buffer in layer.buffers())
    assert stored <= weight.numel() * BITS[precision] / 8 * 1.2


@pytest.mark.parametrize("precision", FORMATS)
@pytest.mark.parametrize("kind", LAYERS)
def test_output_and_gradient_are_those_of_a_plain_layer_with_that_weight(kind: str, precision: str) -> None:
    held, plain, x = pair(kind, precision)
    first, second = x.clone().requires_grad_(), x.clone().requires_grad_()
    with kept_for_backward(plain.weight.numel()) as sizes:
        y = held(first)
    expected = plain(second)
    assert torch.allclose(y, expected, atol=1e-5)
    assert not sizes
    y.square().sum().backward()
    expected.square().sum().backward()
    assert torch.allclose(first.grad, second.grad, atol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("kind", LAYERS)
def test_an_adapter_on_a_held_layer_learns_as_on_a_plain_one(kind: str, dropout: float) -> None:
    held, plain, x = pair(kind, "int8")
    found = []
    for base in (held, plain):
        layer = LoraLayer(base, LayerOptions(4, 2.0, dropout=dropout), torch.Generator().manual_seed(0))
        nn.init.normal_(layer.lora_up, std=0.3, generator=torch.Generator().manual_seed(1))
        inputs = x.clone().requires_grad_()
        with kept_for_backward(plain.weight.numel()) as sizes:
            y = layer(inputs)
        y.square().sum().backward()
        found.append((y.detach(), inputs.grad, layer.lora_down.grad, layer.lora_up.grad, layer.delta()))
        if base is held:
            assert not sizes
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-3)


def test_what_is_away_stays_away_when_the_module_is_moved() -> None:
    held = pair("linear", "int8", away=True)[0]
    assert not dict(held.named_buffers())
    held.to("meta")  # stands for a card: moving takes what belongs to the module along
    assert held.away["values"].device.type == "cpu"
    assert held.bias.is_meta


def test_weights_at_zero_stay_zero() -> None:
    for precision in FORMATS:
        layer = nn.Linear(64, 4, bias=False).requires_grad_(False)
        nn.init.zeros_(layer.weight)
        hold(layer, precision, False, "cpu")
        assert not weight_of(layer, torch.zeros(1)).any()


@pytest.mark.parametrize(
    ("memory", "parts"),
    [
        ({"base_precision": "fp8"}, {"unet"}),
        ({"base_precision": "nf4", "base_precision_parts": "all"}, {"unet", "text_encoder"}),
        ({}, set()),
    ],
)
def test_the_parts_that_are_asked_for_are_held(memory: dict, parts: set[str]) -> None:
    family = load_family(
        ModelSettings(pretrained_model_name_or_path=str(tiny_file())), torch.bfloat16, memory=MemorySettings(**memory)
    )
    held = {name for name, module in family.modules.items() if any(isinstance(m, Held) for m in module.modules())}
    assert held == parts
    for target in lora_layers(family.targets(), convolutions=True):
        assert isinstance(target.module, Held) == (target.part in parts)
        assert len(shape_of(target.module)) in (2, 4)
    conditioning = family.encode_text(["a dog"])
    assert family.predict(torch.randn(1, 4, 8, 8).bfloat16(), torch.tensor([9]), conditioning).isfinite().all()


def test_the_heaviest_blocks_are_those_that_are_swapped() -> None:
    settings = ModelSettings(pretrained_model_name_or_path=str(tiny_file()))
    whole = load_family(settings, torch.float32)
    swapping = load_family(settings, torch.float32, memory=MemorySettings(blocks_to_swap=3))
    sizes: dict[int, int] = {}
    for target in lora_layers(whole.targets(), convolutions=True):
        if target.part == "unet":
            sizes[target.block] = sizes.get(target.block, 0) + target.module.weight.numel()
    away = {t.block for t in swapping.targets() if isinstance(t.module, Held) and t.module.away}
    assert sorted(sizes[block] for block in away) == sorted(sizes.values())[-3:]
    noisy, at = torch.randn(1, 4, 8, 8), torch.tensor([9])
    predictions = [family.predict(noisy, at, family.encode_text(["a dog"])) for family in (whole, swapping)]
    assert torch.equal(*predictions)


def test_more_blocks_than_there_are_means_all() -> None:
    settings = ModelSettings(pretrained_model_name_or_path=str(tiny_file()))
    family = load_family(settings, torch.float32)
    hold_base(family, MemorySettings(blocks_to_swap=25), "cpu")
    layers = lora_layers(family.targets(), convolutions=True)
    assert {isinstance(t.module, Held) for t in layers if t.part == "unet"} == {True}


class Halved(Whole):
    """Keeps half of each weight and doubles the products instead: a format with a way of its own to calculate."""

    def pack(self, weight: Tensor) -> dict[str, Tensor]:
        return {"values": weight / 2}

    def linear(self, x: Tensor, packed: Mapping[str, Tensor], shape: torch.Size, bias: Tensor | None) -> Tensor:
        product = 2 * (x @ packed["values"].T)
        return product if bias is None else product + bias

    def linear_backward(self, grad: Tensor, packed: Mapping[str, Tensor], shape: torch.Size) -> Tensor:
        return 2 * (grad @ packed["values"])


def test_a_format_from_outside_may_calculate_in_a_way_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "halved", Halved())  # type: ignore[misc]
    torch.manual_seed(5)
    plain = nn.Linear(64, 128).requires_grad_(False)
    held = copy.deepcopy(plain)
    hold(held, "halved", False, "cpu")  # type: ignore[arg-type]
    first, second = (torch.ones(3, 64, requires_grad=True) for _ in range(2))
    for layer, x in ((held, first), (plain, second)):
        layer(x).square().sum().backward()
    torch.testing.assert_close(held(first), plain(second))
    torch.testing.assert_close(first.grad, second.grad)

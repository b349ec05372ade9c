"""Convolutions and their gradients against fp32, in every small shape, with memory that holds no zeros by chance."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.tiny import tiny_file
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import LoraType
from train_core.facts.adapters.options import LayerOptions
from train_core.models.convolution import Conv2d, conv2d, conv2d_gradients, gradient_is_wrong
from train_core.models.load import load_family
from train_core.networks.algorithms.names import ALGORITHMS

SMALL = range(1, 4)
ROUNDING = 0.02  # relative; bf16 has eight bits


pytestmark = pytest.mark.usefixtures("filled_memory")


def shapes() -> Iterator[tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]]:
    """Kernel, stride, padding and picture, each (height, width), of up to 3."""
    for kernel, stride, size in product(product(SMALL, SMALL), product(SMALL, SMALL), product(SMALL, SMALL)):
        for padding in {(0, 0), (kernel[0] // 2, kernel[1] // 2)}:
            if all(s + 2 * p >= k for s, p, k in zip(size, padding, kernel, strict=True)):
                yield kernel, stride, padding, size


def distance(found: Tensor, right: Tensor) -> float:
    return float((found.float() - right).norm() / right.norm().clamp(min=1e-6))


@pytest.mark.parametrize(("inputs", "outputs", "groups"), [(16, 16, 1), (64, 32, 1), (32, 4, 1), (16, 16, 4)])
def test_every_small_convolution_in_bf16_has_the_output_and_gradients_of_fp32(
    inputs: int, outputs: int, groups: int
) -> None:
    generator, checked = torch.Generator().manual_seed(0), 0
    for kernel, stride, padding, size in shapes():
        x = torch.randn(2, inputs, *size, generator=generator).bfloat16()
        weight = (0.1 * torch.randn(outputs, inputs // groups, *kernel, generator=generator)).bfloat16()
        given = [tensor.float().requires_grad_() for tensor in (x, weight)]
        right = F.conv2d(*given, None, stride, padding, 1, groups)
        grad = torch.randn(right.shape, generator=generator).bfloat16()
        right.backward(grad.float())
        ours = [tensor.clone().requires_grad_() for tensor in (x, weight)]
        output = conv2d(*ours, None, stride, padding, (1, 1), groups)
        output.backward(grad)
        layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        by_hand = conv2d_gradients(grad, x, weight, layer, needs_x=True)
        for found, wanted in (
            (output, right), *zip((tensor.grad for tensor in ours), (tensor.grad for tensor in given), strict=True),
            *zip(by_hand, (tensor.grad for tensor in given), strict=True),
        ):
            assert found is not None
            assert wanted is not None
            assert found.dtype == torch.bfloat16
            assert distance(found, wanted) < ROUNDING, (kernel, stride, padding, size)
        checked += 1
    assert checked > 900


def test_only_pictures_narrower_than_the_stride_leave_the_usual_path() -> None:
    narrow, wide = torch.zeros(1, 4, 3, 1), torch.zeros(1, 4, 1, 3)
    assert gradient_is_wrong(narrow.bfloat16(), (2, 2))
    assert not gradient_is_wrong(narrow, (2, 2))
    assert not gradient_is_wrong(wide.bfloat16(), (2, 2))
    assert not gradient_is_wrong(narrow.bfloat16(), (1, 1))


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_every_algorithm_learns_from_a_narrow_picture_what_it_would_in_fp32(name: LoraType, strength: float) -> None:
    generator = torch.Generator().manual_seed(1)
    base = nn.Conv2d(16, 16, 3, stride=2, padding=1)
    x, grad = torch.randn(2, 16, 3, 1, generator=generator), torch.randn(2, 16, 2, 1, generator=generator)
    layer = ALGORITHMS[name](base, LayerOptions(rank=4, alpha=4), torch.Generator().manual_seed(2))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    gradients = {}
    for dtype in (torch.float32, torch.bfloat16):
        layer.zero_grad()
        base.to(dtype).requires_grad_(False)
        given = x.clone().to(dtype).requires_grad_()
        rest = layer.base_forward(given) if strength != 1 else None
        output = layer(given) if rest is None else rest + strength * layer.added(given)
        output.backward(grad.to(dtype))
        gradients[dtype] = [p.grad.clone() for p in [*layer.parameters(), given] if p.grad is not None]
    assert gradients[torch.float32]
    for found, right in zip(gradients[torch.bfloat16], gradients[torch.float32], strict=True):
        assert distance(found, right.float()) < 5 * ROUNDING


def test_a_whole_model_that_trains_gets_right_gradients_from_a_narrow_picture() -> None:
    gradients = {}
    for dtype in (torch.float32, torch.bfloat16):
        family = load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file())), dtype)
        unet = family.modules[family.denoiser].requires_grad_(True)
        generator = torch.Generator().manual_seed(3)
        noisy = torch.randn(1, 4, 8, 4, generator=generator).to(dtype)
        family.predict(noisy, torch.tensor([500]), family.encode_text(["a dog"])).float().square().sum().backward()
        samplers = [m for m in unet.modules() if isinstance(m, nn.Conv2d) and m.stride == (2, 2)]
        gradients[dtype] = [layer.weight.grad for layer in samplers]
        assert all(type(layer) is Conv2d for layer in samplers)
    assert len(gradients[torch.float32]) == 3
    for found, right in zip(gradients[torch.bfloat16], gradients[torch.float32], strict=True):
        assert distance(found, right) < 10 * ROUNDING

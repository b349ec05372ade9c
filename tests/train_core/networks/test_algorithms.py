"""Every algorithm over every kind of layer: the start, what is computed, and what its file says."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from train_core.config.sections.network import LoraType
from train_core.facts.adapters.options import LayerOptions
from train_core.networks.algorithms.full import NormLayer
from train_core.networks.algorithms.names import ALGORITHMS
from train_core.networks.files.adapter_file import save_adapter
from train_core.networks.files.merging import change_by
from train_core.networks.files.reading import read_adapter
from train_core.networks.weight_change import WeightChange

LAYERS = {
    "linear": (lambda: nn.Linear(12, 16), (2, 7, 12)),
    "linear without bias": (lambda: nn.Linear(12, 16, bias=False), (2, 12)),
    "1x1": (lambda: nn.Conv2d(12, 16, 1), (2, 12, 5, 6)),
    "3x3": (lambda: nn.Conv2d(12, 16, 3, padding=1), (2, 12, 5, 6)),
    "3x3 with stride": (lambda: nn.Conv2d(12, 16, 3, stride=2, padding=1), (2, 12, 5, 6)),
}
NORMS = {
    "layer norm": (lambda: nn.LayerNorm(12), (2, 7, 12)),
    "group norm": (lambda: nn.GroupNorm(3, 12), (2, 12, 5, 6)),
}
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 3e-2}


@dataclass(frozen=True)
class Form:
    """An algorithm with some of its options."""

    algorithm: LoraType
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.algorithm, *(f"{name}={value}" for name, value in self.options.items())])


FORMS = [
    Form("LoRA"), Form("LoRA", {"use_tucker": True}), Form("LoRA", {"use_scalar": True}),
    Form("LoRA", {"dora_wd": True}), Form("LoRA", {"dora_wd": True, "wd_on_output": True}),
    Form("LoRA", {"rs_lora": True}), Form("LoRA-FA"),
    Form("DyLoRA"), Form("LoHa"), Form("LoHa", {"use_tucker": True}), Form("LoHa", {"use_scalar": True}),
    Form("LoHa", {"dora_wd": True}), Form("LoHa", {"rs_lora": True}), Form("LoKr"), Form("LoKr", {"factor": 2}),
    Form("LoKr", {"rank": 1}), Form("LoKr", {"rank": 1, "decompose_both": True}), Form("LoKr", {"full_matrix": True}),
    Form("LoKr", {"rank": 1, "use_tucker": True}), Form("LoKr", {"bypass_mode": True}),
    Form("LoKr", {"dora_wd": True}), Form("LoKr", {"use_scalar": True}), Form("LoKr", {"rs_lora": True, "rank": 1}),
    Form("GLoRA"), Form("GLoRA", {"bypass_mode": True}), Form("GLoRA", {"use_scalar": True}), Form("IA3"),
    Form("IA3", {"train_on_input": True}), Form("IA3", {"bypass_mode": True}),
    Form("IA3", {"train_on_input": True, "bypass_mode": True}), Form("Diag-OFT"), Form("Diag-OFT", {"rescaled": True}),
    Form("Diag-OFT", {"constraint": 1e-2}), Form("Diag-OFT", {"bypass_mode": True, "rescaled": True}), Form("BOFT"),
    Form("BOFT", {"rescaled": True}), Form("BOFT", {"bypass_mode": True}), Form("Full"),
]  # fmt: skip


def start(form: Form, kind: str = "linear", dtype: torch.dtype = torch.float32, **options: Any) -> WeightChange:
    """The layer of `form` on a frozen one of `kind`, as training starts."""
    torch.manual_seed(3)
    base = LAYERS[kind][0]().to(dtype).requires_grad_(False)
    values = {"rank": 4, "alpha": 2.0, **form.options, **options}
    return ALGORITHMS[form.algorithm](base, LayerOptions(**values), torch.Generator().manual_seed(0))


def trained(form: Form, kind: str = "linear", dtype: torch.dtype = torch.float32, **options: Any) -> WeightChange:
    """The same after something was learnt: every number that trains has moved."""
    return moved(start(form, kind, dtype, **options))


def moved(layer: WeightChange, seed: int = 1) -> WeightChange:
    generator = torch.Generator().manual_seed(seed)
    for parameter in layer.parameters():
        if parameter.requires_grad:
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    return layer


def input_of(kind: str, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn({**LAYERS, **NORMS}[kind][1], generator=torch.Generator().manual_seed(2)).to(dtype)


def merged(layer: WeightChange) -> nn.Module:
    """The frozen layer with the change in its weights, in fp64."""
    module = copy.deepcopy(layer.base).double()
    module.weight.data += layer.delta().double()
    bias = layer.bias_change_of(layer.tensors())
    if bias is not None:
        module.bias.data += bias.double()
    return module


def close(found: Tensor, expected: Tensor, tolerance: float) -> bool:
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).norm()) <= tolerance * float(expected.norm())


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_output_is_that_of_the_merged_weight(form: Form, kind: str, dtype: torch.dtype) -> None:
    layer = trained(form, kind, dtype).eval()
    x = input_of(kind, dtype)
    y = layer(x)
    assert y.dtype == dtype
    expected = merged(layer)(x.double())
    assert close(y, expected, TOLERANCE[dtype])
    assert not close(expected, layer.base_forward(x), 0.01)  # the change is no small matter


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_training_starts_from_the_frozen_model(form: Form, kind: str) -> None:
    layer, x = start(form, kind), input_of(kind)
    assert torch.allclose(layer(x), layer.base_forward(x), atol=1e-5)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_gradients_are_those_of_the_merged_weight(form: Form, kind: str, dtype: torch.dtype) -> None:
    layer, x = trained(form, kind, dtype), input_of(kind, dtype).requires_grad_()
    if form.algorithm == "DyLoRA":
        layer.options = LayerOptions(4, 2.0, unit=4)  # all ranks at once: those that are drawn have a test of their own
    y = layer(x)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(4)).to(dtype)
    y.backward(grad)

    plain, weight = x.detach().float().requires_grad_(), layer.base_weight()
    parameters = [p for p in layer.parameters() if p.requires_grad]
    twin = copy.deepcopy(layer.base).float()
    expected = torch.func.functional_call(
        twin, {"weight": weight + layer.change(weight), **bias_of(layer)}, (plain,)
    )
    gradients = torch.autograd.grad(expected, [plain, *parameters], grad.float(), allow_unused=True)
    assert close(x.grad, gradients[0], TOLERANCE[dtype])
    for parameter, found in zip(parameters, gradients[1:], strict=True):
        assert parameter.grad.dtype == torch.float32
        assert close(parameter.grad, found, TOLERANCE[dtype] if parameter.dim() or dtype == torch.float32 else 0.1)
        assert float(parameter.grad.norm()) > 0
    assert layer.base.weight.grad is None


def bias_of(layer: WeightChange) -> dict[str, Tensor]:
    """The bias with its change, with gradients."""
    change = layer.bias_change_of(layer.values())
    return {} if change is None else {"bias": layer.base.bias.float() + change}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_file_holds_the_change_and_a_layer_of_any_size_can_go_on_from_it(
    form: Form, kind: str, tmp_path: Path
) -> None:
    layer = trained(form, kind).eval()
    path = write(tmp_path / "a.safetensors", layer)
    module = read_adapter(path).modules["lora_unet_x"]
    assert close(change_by(module, layer.shape, layer.base_weight()), layer.delta(), 1e-5)
    assert module.algorithm.suits(module.looks(), layer.shape)

    other = start(form, kind, rank=2, dora_wd=False).eval()
    other.adopt(module.read())
    x = input_of(kind)
    assert close(other(x), layer(x), 1e-5)
    assert write(tmp_path / "b.safetensors", other).read_bytes() == path.read_bytes()

    same = start(form, kind).eval()
    same.load(module.read())
    assert close(same(x), layer(x), 1e-5)
    assert write(tmp_path / "c.safetensors", same).read_bytes() == path.read_bytes()


def write(path: Path, layer: WeightChange) -> Path:
    save_adapter(path, {f"lora_unet_x.{name}": tensor.contiguous() for name, tensor in layer.tensors().items()}, {})
    return path


@pytest.mark.parametrize("kind", ["linear", "3x3"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_norm_is_that_of_the_change_and_shortening_scales_it(form: Form, kind: str) -> None:
    layer = trained(form, kind)
    layer.dora_scale = None  # magnitudes are not counted
    before = layer.delta().clone()
    assert float(layer.norm()) == pytest.approx(float(before.norm()), rel=1e-4)
    layer.shorten(torch.tensor(0.5))
    assert close(layer.delta(), before * 0.5 if layer.factors else before, 1e-5)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_left_out_module_is_the_frozen_one_and_its_gradients_are_zero(form: Form) -> None:
    layer, x = trained(form, module_dropout=0.999999), input_of("linear")
    layer.name = "x"
    y = layer(x)
    assert torch.equal(y, layer.base_forward(x))
    y.sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in layer.parameters() if p.requires_grad)
    assert not torch.equal(layer.eval()(x), y)


# In bypass mode no change is made that could be left out; test_checks_network holds that the pair is refused.
ON_WEIGHTS = [f for f in FORMS if f.algorithm not in ("LoRA", "LoRA-FA", "DyLoRA") and not f.options.get("bypass_mode")]


@pytest.mark.parametrize("form", ON_WEIGHTS, ids=str)
@pytest.mark.parametrize("scale", [False, True])
def test_rank_dropout_leaves_out_whole_outputs_and_may_strengthen_the_others(form: Form, scale: bool) -> None:
    layer = trained(form, rank_dropout=0.5, rank_dropout_scale=scale)
    layer.name = "x"
    whole, left = layer.delta(), layer.train().change().detach()
    kept = left.abs().sum(1) > 0
    assert 0 < kept.sum() < 16
    factor = 16 / float(kept.sum()) if scale else 1.0
    assert close(left[kept], whole[kept] * factor, 1e-5)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", NORMS)
def test_norms_compute_with_their_changed_factors(kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    base = NORMS[kind][0]().to(dtype).requires_grad_(False)
    layer = NormLayer(base, LayerOptions(), torch.Generator().manual_seed(0))
    x = input_of(kind, dtype)
    assert torch.equal(layer(x), base(x))
    moved(layer)
    assert close(layer(x), merged(layer)(x.double()), TOLERANCE[dtype])
    layer(x).float().sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    module = read_adapter(write(tmp_path / "a.safetensors", layer)).modules["lora_unet_x"]
    assert torch.equal(change_by(module, layer.shape, None), layer.delta())
    assert torch.equal(module.algorithm.bias_change_of(module.read()), layer.b_norm)


def test_dylora_trains_a_drawn_unit_of_ranks_and_leaves_those_before_it() -> None:
    layer, x = trained(Form("DyLoRA"), unit=1), input_of("linear")
    layer.name = "x"
    used = set()
    for step in range(30):
        layer.draws.step = step
        layer.zero_grad()
        layer(x).sum().backward()
        moving = layer.lora_down.grad.abs().sum(1).nonzero().flatten().tolist()
        assert len(moving) == 1
        used.add(moving[0])
    assert used == {0, 1, 2, 3}


def test_lora_fa_trains_the_second_map_only() -> None:
    layer = start(Form("LoRA-FA"))
    assert [name for name, p in layer.named_parameters() if p.requires_grad] == ["lora_up"]
    assert float(layer.lora_down.std()) == pytest.approx(36**-0.5, rel=0.3)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"rank": 1}, {"lokr_w1", "lokr_w2_a", "lokr_w2_b", "alpha"}),
        ({"rank": 1, "decompose_both": True}, {"lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b", "alpha"}),
        ({"rank": 1, "full_matrix": True}, {"lokr_w1", "lokr_w2", "alpha"}),
        ({"rank": 8}, {"lokr_w1", "lokr_w2", "alpha"}),
    ],
)
def test_lokr_splits_what_is_asked_for(options: dict[str, Any], names: set[str]) -> None:
    assert set(start(Form("LoKr", options)).tensors()) == names


def test_oft_turns_the_outputs_without_stretching_them() -> None:
    for algorithm in ("Diag-OFT", "BOFT"):
        layer = trained(Form(algorithm))
        weight = layer.base_weight()
        turned = weight + layer.delta()
        assert torch.allclose(turned.T @ turned, weight.T @ weight, atol=1e-4)
        assert not torch.allclose(turned, weight, atol=1e-2)


def test_a_constraint_bounds_how_far_weights_are_turned() -> None:
    free, bound = trained(Form("Diag-OFT")), trained(Form("Diag-OFT"), constraint=1e-3)
    assert float(bound.norm()) < 0.2 * float(free.norm())


def test_rank_stabilised_strength_is_alpha_over_the_root_of_the_rank() -> None:
    plain, stable = trained(Form("LoRA")), trained(Form("LoRA", {"rs_lora": True}))
    assert close(stable.delta(), plain.delta() * 2, 1e-6)  # rank 4

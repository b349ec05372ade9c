"""Several adapters on one model, each with its own strength: what is computed, and that the model is given back."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.adapters import adapter_on
from tests.train_core.networks.test_algorithms import FORMS, NORMS, Form, close, input_of, moved, start
from train_core.config.sections.network import NetworkSettings
from train_core.facts.adapters.options import LayerOptions
from train_core.networks.algorithms.full import NormLayer
from train_core.networks.attach import Adapter
from train_core.networks.layer import Forward, Layer
from train_core.networks.weight_change import WeightChange


def alone(layer: Layer) -> Adapter[Any]:
    """An adapter of one layer."""
    return Adapter({"x": layer}, {"x": "unet"})


def on(base: nn.Module, form: Form, kind: str, seed: int) -> WeightChange:
    """The layer of `form` on `base` after something was learnt."""
    layer = start(form, kind)
    layer.__dict__["base"] = base  # the same numbers as the one that it was made on
    return moved(layer, seed).eval()


def merged(weighed: Mapping[WeightChange, float]) -> nn.Module:
    """The frozen module with all changes in its weights, in fp64."""
    base = next(iter(weighed)).base
    module = copy.deepcopy(base).double()
    for layer, strength in weighed.items():
        module.weight.data += strength * layer.delta().double()
        bias = layer.bias_change_of(layer.tensors())
        if bias is not None:
            module.bias.data += strength * bias.double()
    return module


@pytest.mark.parametrize("kind", ["linear", "linear without bias", "1x1", "3x3 with stride"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_two_adapters_compute_as_if_both_were_merged_at_their_strengths(form: Form, kind: str) -> None:
    x = input_of(kind)
    for other in FORMS:
        base = start(form, kind).base
        first, second = on(base, form, kind, 1), on(base, other, kind, 5)
        expected = merged({first: 0.7, second: -1.3})(x.double())
        alone(first).attach(0.7)
        alone(second).attach(-1.3)
        assert close(base(x), expected, 1e-5), str(other)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_at_another_strength_than_1_the_change_is_that_many_times_as_large(form: Form) -> None:
    base = start(form).base
    layer, x = on(base, form, "linear", 1), input_of("linear")
    expected = merged({layer: 0.4})(x.double())
    alone(layer).attach(0.4)
    assert close(base(x), expected, 1e-5)


@pytest.mark.parametrize("kind", NORMS)
def test_norms_of_two_adapters_add_up(kind: str) -> None:
    base = NORMS[kind][0]().requires_grad_(False)
    layers = [moved(NormLayer(base, LayerOptions(), torch.Generator()), seed) for seed in (1, 5)]
    expected = merged({layers[0]: 2.0, layers[1]: 0.5})(input_of(kind).double())
    for layer, strength in zip(layers, (2.0, 0.5), strict=True):
        alone(layer).attach(strength)
    assert close(base(input_of(kind)), expected, 1e-5)


def predict(unet: Any) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    latents, hidden = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 7, 64, generator=generator)
    return unet(latents, torch.tensor([5, 500]), encoder_hidden_states=hidden).sample


def three_on(targets: list[Any]) -> list[Adapter[Any]]:
    """Adapters of which each reaches other layers, after something was learnt."""
    settings: list[dict[str, Any]] = [
        {"LoRA_type": "LoRA", "conv_dim": 2}, {"LoRA_type": "LoHa", "train_norm": True},
        {"LoRA_type": "Diag-OFT", "network_train_unet_only": True},
    ]  # fmt: skip
    adapters = [adapter_on(targets, NetworkSettings(network_dim=4, **own), seed) for seed, own in enumerate(settings)]
    for seed, adapter in enumerate(adapters):
        generator = torch.Generator().manual_seed(seed)
        for parameter in adapter.parameters():
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return adapters


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_taken_off_in_any_order_they_leave_the_model_as_it_was(
    modules: Any, targets: list[Any], order: tuple[int, ...]
) -> None:
    unet = modules["unet"]
    attributes = [set(vars(target.module)) for target in targets]
    state, before = {name: tensor.clone() for name, tensor in unet.state_dict().items()}, predict(unet)
    adapters = three_on(targets)
    for adapter, strength in zip(adapters, (1.0, 0.5, -2.0), strict=True):
        adapter.attach(strength)
    for number in order:
        adapters[number].detach()
    assert torch.equal(predict(unet), before)
    assert [set(vars(target.module)) for target in targets] == attributes
    assert all(torch.equal(state[name], tensor) for name, tensor in unet.state_dict().items())


def test_those_that_stay_compute_as_if_the_others_had_never_been_there(modules: Any, targets: list[Any]) -> None:
    first, second, third = three_on(targets)
    first.attach()
    only_first = predict(modules["unet"])
    second.attach(0.5)
    with_second = predict(modules["unet"])
    third.attach(3.0)
    with third.disabled():
        assert torch.equal(predict(modules["unet"]), with_second)
    with_all = predict(modules["unet"])
    with first.disabled(), second.disabled():
        pass
    assert torch.equal(predict(modules["unet"]), with_all)
    third.detach()
    second.detach()
    assert torch.equal(predict(modules["unet"]), only_first)


def test_parts_have_strengths_of_their_own(modules: Any, targets: list[Any]) -> None:
    adapter, _, _ = three_on(targets)
    adapter.attach({"unet": 0.0, "text_encoder": 0.5})
    assert {target.part for target in targets if "forward" in vars(target.module)} == {"text_encoder"}
    ids = torch.arange(7)[None]
    half = modules["text_encoder"](ids).last_hidden_state
    adapter.attach({"unet": 0.0, "text_encoder": 1.0})
    whole = modules["text_encoder"](ids).last_hidden_state
    adapter.detach()
    bare = modules["text_encoder"](ids).last_hidden_state
    assert 0 < float((half - bare).norm()) < float((whole - bare).norm())


def test_one_adapter_learns_beside_another_that_is_left_as_it_is(modules: Any, targets: list[Any]) -> None:
    """Its gradients are those of a model whose weights hold the other one."""
    settings = NetworkSettings(network_dim=4, network_train_unet_only=True)
    beside, learning = adapter_on(targets, settings, 0), adapter_on(targets, settings, 1)
    for adapter in (beside, learning):
        for number, parameter in enumerate(adapter.parameters()):
            nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(number))
    beside.requires_grad_(False).attach(0.5)
    learning.attach()
    stacked = gradients(modules["unet"], learning)
    beside.detach()
    with torch.no_grad():
        for layer in beside.layers.values():
            layer.base.weight += 0.5 * layer.delta()
    merged_in = gradients(modules["unet"], learning)
    largest = max(float(gradient.norm()) for gradient in merged_in)
    for one, other in zip(stacked, merged_in, strict=True):
        assert float((one - other).norm()) < 1e-4 * largest


def gradients(unet: nn.Module, adapter: nn.Module) -> list[Tensor]:
    adapter.zero_grad()
    predict(unet).square().sum().backward()
    return [parameter.grad.clone() for parameter in adapter.parameters()]


class ContextShift(Layer):
    """A toy hypernetwork: the text that attention reads passes through a small network first."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__(base)
        self.inner = nn.Linear(base.in_features, 4)
        self.outer = nn.Linear(4, base.in_features)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def along(self, x: Tensor, rest: Forward) -> Tensor:
        return rest(x + self.strength * self.outer(torch.relu(self.inner(x))))


def hypernetwork(targets: list[Any]) -> Adapter[ContextShift]:
    torch.manual_seed(0)
    chosen = {t.file_key: t for t in targets if t.path.endswith(("attn2.to_k", "attn2.to_v"))}
    return Adapter({key: ContextShift(t.module) for key, t in chosen.items()}, dict.fromkeys(chosen, "unet"))


def test_a_layer_that_changes_no_weight_learns_and_loads_like_any(modules: Any, targets: list[Any]) -> None:
    unet, adapter = modules["unet"], hypernetwork(targets)
    bare = predict(unet)
    adapter.attach()
    assert torch.equal(predict(unet), bare)
    goal, optimizer, losses = torch.zeros_like(bare), torch.optim.Adam(adapter.parameters(), 1e-2), []
    for _ in range(8):
        optimizer.zero_grad()
        loss = (predict(unet) - goal).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    learnt = predict(unet)
    adapter.detach()
    assert torch.equal(predict(unet), bare)
    again = hypernetwork(targets)
    again.load_file_state(adapter.state_dict_for_file())
    again.attach()
    assert torch.equal(predict(unet), learnt)


def test_weights_change_beneath_what_changes_the_flow_whichever_came_first(modules: Any, targets: list[Any]) -> None:
    flow, weights = hypernetwork(targets), three_on(targets)[0]
    for parameter in flow.parameters():
        parameter.data += 0.1
    predictions = []
    for first, second in ((flow, weights), (weights, flow)):
        first.attach(0.8)
        second.attach(0.8)
        predictions.append(predict(modules["unet"]))
        first.detach()
        second.detach()
    assert torch.equal(*predictions)


"""An adapter: what it sits on, how it comes and goes, what it saves."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from tests.adapters import adapter_on
from train_core.config.problems import UserError
from train_core.config.sections.network import NetworkSettings
from train_core.models.targets import text_encoder_targets, unet_targets


@pytest.fixture(scope="module")
def full_size_targets():
    """SD 1.5's, without memory behind them."""
    config = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
    with torch.device("meta"):
        unet, text_encoder = UNet2DConditionModel(cross_attention_dim=768), CLIPTextModel(config)
    return [*text_encoder_targets(text_encoder), *unet_targets(unet)]


def layers_of(targets):
    """Those of `targets` that lie in blocks and are no norms."""
    return [target for target in targets if target.in_block and not target.is_norm]


def count(adapter) -> tuple[int, int]:
    parts = list(adapter.parts.values())
    return parts.count("text_encoder"), parts.count("unet")


def predict(unet, seed=0):
    generator = torch.Generator().manual_seed(seed)
    latents, hidden = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 7, 64, generator=generator)
    return unet(latents, torch.tensor([5, 500]), encoder_hidden_states=hidden).sample


def randomise(adapter):
    for number, parameter in enumerate(adapter.parameters()):
        nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(number))


@pytest.mark.parametrize(
    ("settings", "expected", "tensors"),
    [
        ({}, (72, 192), 792),
        ({"conv_dim": 4}, (72, 278), 1050),
        ({"network_train_unet_only": True}, (0, 192), 576),
        ({"network_train_text_encoder_only": True, "conv_dim": 4}, (72, 0), 216),
    ],
)
def test_sd15_has_the_modules_of_the_format(full_size_targets, settings, expected, tensors):
    adapter = adapter_on(full_size_targets, NetworkSettings(network_dim=8, **settings), seed=0)
    assert count(adapter) == expected
    assert sum(len(layer.tensors()) for layer in adapter.layers.values()) == tensors


def test_sd15_at_rank_8_has_4_72_million_parameters(full_size_targets):
    adapter = adapter_on(full_size_targets, NetworkSettings(network_dim=8), seed=0)
    assert round(sum(p.numel() for p in adapter.parameters()) / 1e6, 2) == 4.72


def test_3x3_convolutions_take_conv_dim_and_all_else_network_dim(targets):
    settings = NetworkSettings(network_dim=6, network_alpha=3.0, conv_dim=2, conv_alpha=1.5)
    adapter = adapter_on(targets, settings, seed=0)
    for target in layers_of(targets):
        layer = adapter.layers[target.file_key]
        kernel = target.module.weight.shape[2:]
        assert (layer.options.rank, layer.alpha) == ((2, 1.5) if kernel == (3, 3) else (6, 3.0))


def test_an_earlier_adapter_changes_no_later_one(targets):
    adapter_on(targets, NetworkSettings(conv_dim=4), seed=0).attach()
    later = adapter_on(targets, NetworkSettings(), seed=0)
    assert len(later.layers) == sum("Transformer2DModel" in t.owners or t.part != "unet" for t in layers_of(targets))


def test_training_neither_part_is_refused(targets):
    with pytest.raises(UserError) as caught:
        adapter_on(
            targets, NetworkSettings(network_train_unet_only=True, network_train_text_encoder_only=True), seed=0
        )
    assert caught.value.problems[0].code == "nothing_to_train"


def test_a_fresh_adapter_changes_nothing(modules, targets):
    adapter = adapter_on(targets, NetworkSettings(network_dim=4, conv_dim=2), seed=0)
    before = predict(modules["unet"])
    adapter.attach()
    assert torch.allclose(predict(modules["unet"]), before, atol=1e-5)


def test_start_follows_from_seed_and_key_alone(targets):
    def start(some_targets, seed, **settings):
        return adapter_on(some_targets, NetworkSettings(network_dim=4, **settings), seed).state_dict_for_file()

    everything, few = start(targets, 5, conv_dim=2), start(targets[-60:], 5)
    assert all(torch.equal(few[name], everything[name]) for name in few)
    other = start(targets, 6)
    name = next(name for name in other if name.endswith("lora_down.weight"))
    assert not torch.equal(other[name], everything[name])


def test_detaching_restores_the_model_exactly(modules, targets):
    unet = modules["unet"]
    names, before = set(unet.state_dict()), predict(unet)
    adapter = adapter_on(targets, NetworkSettings(network_dim=4, conv_dim=2), seed=0)
    randomise(adapter)
    adapter.attach()
    assert set(unet.state_dict()) == names
    with_adapter = predict(unet)
    assert not torch.allclose(with_adapter, before, atol=1e-3)
    with adapter.disabled():
        assert torch.equal(predict(unet), before)
    assert torch.equal(predict(unet), with_adapter)
    adapter.detach()
    assert torch.equal(predict(unet), before)
    assert all("forward" not in vars(target.module) for target in targets)


def test_disabling_a_detached_adapter_leaves_it_detached(targets):
    adapter = adapter_on(targets, NetworkSettings(network_dim=4), seed=0)
    with adapter.disabled():
        assert not adapter.attached
    assert not adapter.attached


def test_a_forward_from_elsewhere_is_not_hidden_silently(targets):
    adapter = adapter_on(targets, NetworkSettings(network_dim=4), seed=0)
    taken = list(adapter.layers.values())[-1].base
    taken.forward = lambda x: x
    with pytest.raises(RuntimeError, match="another forward"):
        adapter.attach()
    del taken.forward
    assert all("forward" not in vars(target.module) for target in targets)


def test_nothing_of_the_base_is_among_what_trains(modules, targets):
    adapter = adapter_on(targets, NetworkSettings(network_dim=4), seed=0)
    base = {p.data_ptr() for module in modules.values() for p in module.parameters()}
    assert not base & {p.data_ptr() for p in adapter.parameters()}
    assert all(name.endswith(("lora_down", "lora_up")) for name in adapter.state_dict())


def test_groups_hold_every_parameter_once_under_its_part(targets):
    adapter = adapter_on(targets, NetworkSettings(network_dim=4), seed=0)
    groups = adapter.parameter_groups_by_part()
    assert set(groups) == {"unet", "text_encoder"}
    assert [id(p) for group in groups.values() for p in group] == [id(p) for p in adapter.parameters()]
    only = adapter_on(targets, NetworkSettings(network_dim=4, network_train_unet_only=True), seed=0)
    assert set(only.parameter_groups_by_part()) == {"unet"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_saved_tensor_has_the_asked_precision_and_is_a_copy(targets, dtype):
    adapter = adapter_on(targets, NetworkSettings(network_dim=4), seed=0)
    state = adapter.state_dict_for_file(dtype)
    assert {tensor.dtype for tensor in state.values()} == {dtype}
    randomise(adapter)
    name = next(name for name in state if name.endswith("lora_up.weight"))
    assert float(state[name].abs().max()) == 0


def test_what_is_saved_loads_again(modules, targets):
    settings = NetworkSettings(network_dim=4, network_alpha=2.0, conv_dim=2)
    first, second = (adapter_on(targets, settings, seed) for seed in (0, 1))
    randomise(first)
    second.load_file_state(first.state_dict_for_file())
    first.attach()
    expected = predict(modules["unet"])
    first.detach()
    second.attach()
    assert torch.equal(predict(modules["unet"]), expected)


def test_a_file_of_another_shape_is_refused_with_all_that_differs(targets):
    adapter = adapter_on(targets, NetworkSettings(network_dim=4), seed=0)
    state = adapter_on(targets, NetworkSettings(network_dim=8), seed=0).state_dict_for_file()
    state.pop(next(name for name in state if name.endswith("lora_down.weight")))
    state["lora_unet_conv_in.lora_up.weight"] = torch.zeros(1)
    before = adapter.state_dict_for_file()
    with pytest.raises(UserError) as caught:
        adapter.load_file_state(state)
    codes = {found.code for found in caught.value.problems}
    assert codes == {"adapter_tensors_missing", "adapter_tensors_unknown", "adapter_shape_differs"}
    assert all(torch.equal(before[name], tensor) for name, tensor in adapter.state_dict_for_file().items())


def gradients(unet, adapter):
    adapter.zero_grad()
    predict(unet).square().sum().backward()
    return {name: p.grad.clone() for name, p in adapter.named_parameters() if "unet" in name}


@pytest.mark.parametrize("algorithm", ["LoRA", "DyLoRA", "LoHa", "Full"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_gradient_checkpointing_gives_the_same_gradients(modules, targets, dropout, algorithm):
    unet = modules["unet"]
    settings = NetworkSettings(
        network_dim=4, network_dropout=dropout, rank_dropout=dropout, module_dropout=dropout, LoRA_type=algorithm,
    )
    adapter = adapter_on(targets, settings, seed=0)
    randomise(adapter)
    adapter.attach()
    adapter.reseed(3, [4, 5])
    unet.train()
    plain = gradients(unet, adapter)
    unet.enable_gradient_checkpointing()
    again = gradients(unet, adapter)
    assert all(torch.allclose(plain[name], again[name], rtol=1e-4, atol=1e-5) for name in plain)


class Wrapped(nn.Module):
    """As the training loop wraps it: what trains is inside, the frozen model is not."""

    def __init__(self, adapter, unet):
        super().__init__()
        self.adapter = adapter
        self.__dict__["unet"] = unet

    def forward(self):
        return predict(self.unet)


def test_distributed_training_sees_every_gradient(modules, targets, tmp_path):
    settings = NetworkSettings(network_dim=4, module_dropout=0.5, network_train_unet_only=True)
    adapter = adapter_on(targets, settings, seed=0)
    adapter.attach()
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    try:
        shared = nn.parallel.DistributedDataParallel(Wrapped(adapter, modules["unet"]))
        for step in range(3):  # an unused parameter would be an error at the next forward
            adapter.reseed(step)
            shared().square().sum().backward()
        assert all(parameter.grad is not None for parameter in adapter.parameters())
    finally:
        torch.distributed.destroy_process_group()


def test_ranks_of_convolutions_by_block_train_convolutions_without_a_rank_for_all(full_size_targets):
    by_block = ",".join(["4"] * 25)
    adapter = adapter_on(full_size_targets, NetworkSettings(conv_block_dims=by_block, conv_alpha=2))
    assert count(adapter) == (72, 278)
    convolutions = [layer for layer in adapter.layers.values() if isinstance(layer.base, nn.Conv2d)]
    wide = [layer for layer in convolutions if layer.base.kernel_size != (1, 1)]
    assert {(layer.rank, layer.alpha) for layer in wide} == {(4, 2.0)}
    without = adapter_on(full_size_targets, NetworkSettings(conv_block_dims=",".join("0" * 25)))
    assert count(without) == (72, 278 - 50)  # the layers that sd-scripts adds for block_dims alone

"""Attention kernels, compiling and checkpoints in main memory change how a model is computed, not what comes out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from tests.adapters import adapter_on
from tests.tiny import tiny_file
from train_core.config.problems import UserError
from train_core.config.sections.memory import MemorySettings
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import NetworkSettings
from train_core.models.family import Family
from train_core.models.fitting import choose_attention, compile_denoiser
from train_core.models.load import load_family
from train_core.networks.attach import Adapter
from train_core.networks.dropout_masks import draw_outside_graphs

CPU = torch.device("cpu")


@pytest.fixture
def family() -> Family:
    return load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file())), torch.float32)


@pytest.fixture(autouse=True)
def kernels_as_before() -> Iterator[None]:
    yield
    for kernel in ("flash", "mem_efficient", "cudnn", "math"):
        getattr(torch.backends.cuda, f"enable_{kernel}_sdp")(True)


def adapted(family: Family, **network: float) -> Adapter:
    settings = NetworkSettings(network_dim=4, network_train_unet_only=True, **network)
    adapter = adapter_on(family.targets(), settings, 0)
    generator = torch.Generator().manual_seed(1)
    for layer in adapter.layers.values():
        nn.init.normal_(layer.lora_up, std=0.1, generator=generator)
    adapter.attach()
    return adapter


def learnt(family: Family, adapter: Adapter) -> list[Tensor]:
    """The prediction, and the gradient of everything that trains."""
    adapter.zero_grad(set_to_none=True)
    noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    prediction = family.predict(noisy, torch.tensor([9]), family.encode_text(["a dog"]))
    prediction.square().mean().backward()
    return [prediction.detach(), *(p.grad for p in adapter.parameters())]


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(first, second, strict=True))


def test_compiled_blocks_learn_what_plain_ones_do(family: Family) -> None:
    adapter = adapted(family)
    adapter.reseed(3, [4])
    plain = learnt(family, adapter)
    compile_denoiser(family, MemorySettings(dynamo_backend="aot_eager"))
    torch._dynamo.utils.counters.clear()
    assert same(learnt(family, adapter), plain)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0


def test_another_step_and_another_layer_need_no_compiled_form_of_their_own_for_their_dropouts(family: Family) -> None:
    adapter = adapted(family, network_dropout=0.3, rank_dropout=0.3)
    steps = [(3, [4]), (5, [6]), (7, [8])]
    plain = []
    for step, samples in steps:
        adapter.reseed(step, samples)
        plain.append(learnt(family, adapter))
    draw_outside_graphs()
    compile_denoiser(family, MemorySettings(dynamo_backend="aot_eager"))
    torch._dynamo.utils.counters.clear()
    forms = []
    for (step, samples), expected in zip(steps, plain, strict=True):
        adapter.reseed(step, samples)
        assert same(learnt(family, adapter), expected)
        forms.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert forms[0] == forms[1] == forms[2] < len(adapter.layers)


def test_nothing_is_compiled_unless_asked_for(family: Family) -> None:
    adapter = adapted(family)
    compile_denoiser(family, MemorySettings())
    torch._dynamo.utils.counters.clear()
    learnt(family, adapter)
    assert not torch._dynamo.utils.counters["stats"]


@pytest.mark.parametrize("wanted", ["math", "flash", "auto"])
def test_the_kernel_that_is_asked_for_is_the_one_that_may_be_used(family: Family, wanted: str) -> None:
    choose_attention(family, MemorySettings(attention=wanted), torch.float32, CPU)
    assert torch.backends.cuda.math_sdp_enabled() == (wanted != "flash")
    assert torch.backends.cuda.flash_sdp_enabled() == (wanted != "math")


@pytest.mark.parametrize("wanted", ["xformers", "efficient", "cudnn"])
def test_attention_that_is_not_there_is_told_before_training(family: Family, wanted: str) -> None:
    with pytest.raises(UserError) as refused:
        choose_attention(family, MemorySettings(attention=wanted), torch.float32, CPU)
    (found,) = refused.value.problems
    assert (found.code, found.params["wanted"]) == ("attention_unavailable", wanted)


def test_checkpoints_in_main_memory_give_the_same_gradients(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapted(family, network_dropout=0.3)
    adapter.reseed(3, [4])
    plain = learnt(family, adapter)
    moved: list[int] = []
    original = torch.autograd.graph.save_on_cpu.__init__

    def counted(self: torch.autograd.graph.save_on_cpu, *rest: bool, **named: bool) -> None:
        original(self, *rest, **named)
        pack = self.pack_hook

        def counting(tensor: Tensor) -> object:
            moved.append(tensor.numel())
            return pack(tensor)

        self.pack_hook = counting

    monkeypatch.setattr(torch.autograd.graph.save_on_cpu, "__init__", counted)
    family.enable_gradient_checkpointing(in_main_memory=True)
    assert same(learnt(family, adapter), plain)
    assert len(moved) > 10  # what each block starts from; all else is computed again

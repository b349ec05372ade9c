"""Captions on their way into the prediction."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from tests.adapters import PLAIN
from tests.tiny import tiny_file
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.sections.rates import RateSettings
from train_core.methods.adapter import AdapterMethod
from train_core.models.family import Family
from train_core.models.load import load_family
from train_core.run.predictor import Predictor


def family() -> Family:
    return load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file())), torch.float32, "cpu")


def method(*parts: str) -> Any:
    return SimpleNamespace(trainable=nn.Module(), parts=frozenset(parts), disabled=nullcontext, extra_tokens=dict)


def hidden_of(model: Family, captions: list[str], weighted: bool, *parts: str) -> Tensor:
    """The text states with which `captions` reach the prediction."""
    seen: list[Tensor] = []
    model.predict = lambda noisy, timesteps, conditioning, *_: seen.append(conditioning["hidden"])  # type: ignore[assignment]
    count = len(captions)
    Predictor(model, method(*parts), weighted)(torch.zeros(count, 4, 8, 8), torch.zeros(count), captions)
    return seen[0]


def test_weights_of_captions_count_as_they_do_in_prompts() -> None:
    model, captions = family(), ["a (red:1.5) fox", "a [blue] bird"]
    expected = model.encode_weighted(captions)["hidden"]
    torch.testing.assert_close(hidden_of(model, captions, True, "unet"), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(hidden_of(model, captions, True, "unet", "text_encoder"), expected, atol=1e-5, rtol=1e-5)


def test_without_the_setting_brackets_are_text() -> None:
    model, captions = family(), ["a (red:1.5) fox"]
    torch.testing.assert_close(hidden_of(model, captions, False, "unet"), model.encode_text(captions)["hidden"])


def test_a_weighted_caption_keeps_its_mean() -> None:
    model = family()
    weighted = model.encode_text(["a (red:1.5) fox"], weighted=True)["hidden"]
    plain = model.encode_text(["a red fox"])["hidden"]
    assert not torch.allclose(weighted, plain)
    torch.testing.assert_close(weighted.mean(), plain.mean(), atol=1e-5, rtol=1e-4)


def test_gradients_flow_through_weighted_captions() -> None:
    model = family()
    table = model.modules["text_encoder"].get_input_embeddings().weight
    table.requires_grad_(True)
    model.encode_text(["a (red:1.5) fox"], weighted=True)["hidden"].square().sum().backward()
    assert table.grad is not None
    assert table.grad.abs().sum() > 0


def test_a_caption_longer_than_the_model_reads_is_cut_with_its_weights() -> None:
    model = family()
    long = model.encode_text(["(fox:1.5) " * 90], weighted=True)["hidden"]
    assert long.shape[1] == 77
    torch.testing.assert_close(long, model.encode_text(["(fox:1.5) " * 75], weighted=True)["hidden"])


def test_frozen_text_outputs_are_remembered_for_the_caption_as_it_was_drawn() -> None:
    """Prefixes, wildcards and chosen lines are in the text that is looked up, so no draw gets another one's states."""
    model = family()
    asked: list[str] = []
    encode = model.encode_text

    def counting(captions: list[str], **options: Any) -> Any:
        asked.extend(captions)
        return encode(captions, **options)

    model.encode_text = counting  # type: ignore[method-assign]
    model.predict = lambda *_: None  # type: ignore[assignment]
    predictor = Predictor(model, method("unet"))
    for captions in (["zuko, a", "zuko, b"], ["zuko, b", "zuko, a"]):
        predictor(torch.zeros(2, 4, 8, 8), torch.zeros(2), captions)
    assert asked == ["zuko, a", "zuko, b"]


def test_the_untrained_prediction_is_that_of_the_bare_model_whatever_was_learnt() -> None:
    model = family()
    noisy, timesteps, captions = torch.randn(1, 4, 8, 8), torch.tensor([500]), ["a red fox"]
    bare = model.predict(noisy, timesteps, model.encode_text(captions))
    method = AdapterMethod(model, NetworkSettings(network_dim=2), PLAIN, RateSettings(), seed=0)
    with torch.no_grad():
        for parameter in method.trainable.parameters():
            parameter.fill_(0.1)
    predictor = Predictor(model, method)
    trained = predictor(noisy, timesteps, captions)
    assert torch.equal(predictor.untrained(noisy, timesteps, captions), bare)
    assert not torch.allclose(trained, bare)
    assert torch.equal(predictor(noisy, timesteps, captions), trained)

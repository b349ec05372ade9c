"""A noise process from outside, by one class and one row: flow matching trains and draws like the process we have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import ImageChops
from torch import Tensor

from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_noise_and_loss import first_sample
from tests.train_core.jobs.test_train import difference, kinds, run, weights
from train_core.config.sections.loss import LossSettings
from train_core.diffusion.process import Process, Spacing
from train_core.diffusion.processes import PROCESSES
from train_core.models.kinds.sd1 import SD1
from train_core.run.predictor import Predictor
from train_core.sampling.denoiser import denoiser
from train_core.sampling.sampler_names import SAMPLERS

SHIFT = 3.0


def shifted(u: Any) -> Any:
    """More of the strong noise, as for large pictures (Esser et al., 2024)."""
    return SHIFT * u / (1 + (SHIFT - 1) * u)


class Flow:
    """Rectified flow (Liu et al., 2022): x_t = (1 - t) x_0 + t eps, and the model predicts eps - x_0."""

    span = 1.0

    def to(self, device: torch.device | str) -> Flow:
        return self

    def sample_t(self, u: Tensor) -> Tensor:
        return shifted(u).float()

    def add_noise(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        t = t.view(-1, 1, 1, 1)
        return (1 - t) * latents + t * noise

    def target(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        return noise - latents

    def snr(self, t: Tensor) -> Tensor:
        return ((1 - t) / t).square()

    def weight(self, t: Tensor, settings: LossSettings) -> Tensor:
        return torch.ones_like(t)

    def times(self, steps: int, spacing: Spacing) -> list[float]:
        return [shifted(1 - i / steps) for i in range(steps)]

    def sigma(self, t: float) -> float:
        return t / max(1 - t, 2**-12)

    def timestep(self, sigma: float) -> float:
        return sigma / (1 + sigma)

    def model_input(self, x: Tensor, sigma: float) -> Tensor:
        return x / (1 + sigma)

    def to_x0(self, prediction: Tensor, x: Tensor, sigma: float) -> Tensor:
        return (x - sigma * prediction) / (1 + sigma)


@pytest.fixture
def sd1_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    """SD 1.x models are taken for models of flow matching."""
    monkeypatch.setitem(PROCESSES, "flow", lambda family, settings: Flow())
    monkeypatch.setattr(SD1, "kind", replace(SD1.kind, process="flow"))


@pytest.mark.parametrize("t", [0.01, 0.5, 0.99])
def test_a_perfect_prediction_gives_the_picture_back(t: float) -> None:
    process: Process = Flow()
    x0, eps, times = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2), torch.tensor([t])
    asked: dict[str, Tensor] = {}

    def predict(noisy: Tensor, asked_t: Tensor) -> Tensor:
        asked.update(noisy=noisy, t=asked_t)
        return process.target(x0, eps, times)

    sigma = process.sigma(t)
    torch.testing.assert_close(denoiser(predict, process)(x0 + sigma * eps, sigma), x0, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(asked["noisy"], process.add_noise(x0, eps, times), rtol=1e-4, atol=1e-4)
    assert asked["t"].tolist() == pytest.approx([t])


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_walks_down_from_pure_noise(name: str) -> None:
    """Pictures around 2, whose best prediction is known exactly, come out around 2."""
    process, sampler = Flow(), SAMPLERS[name]

    def predict(noisy: Tensor, t: Tensor) -> Tensor:
        t = t.view(-1, 1, 1, 1)
        x0 = 2 + 0.01 * (1 - t) * (noisy - 2 * (1 - t)) / (0.01 * (1 - t) ** 2 + t**2)
        return (noisy - x0) / t

    generator = torch.Generator().manual_seed(0)

    def noise(*step: float) -> Tensor:
        return torch.randn(1, 4, 8, 8, generator=generator)

    sigmas = sampler.sigmas(process, 20)
    found = sampler.run(sigmas[0] * noise(), denoiser(predict, process), sigmas, noise)
    assert found.mean().item() == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("settings", [
    {"timestep_sampling": "sigmoid"},
    {"timestep_sampling": "loss_aware", "loss_type": "huber", "min_timestep": 100, "max_timestep": 900},
    {"loss_type": "smooth_l1", "huber_schedule": "exponential"},
])  # fmt: skip
@pytest.mark.usefixtures("sd1_flows")
def test_it_learns_and_is_validated_like_any_other(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    asked: list[float] = []
    forward = Predictor.forward

    def listen(self: Predictor, noisy: Tensor, timesteps: Tensor, *rest: Any) -> Tensor:
        asked.extend(timesteps.tolist())
        return forward(self, noisy, timesteps, *rest)

    monkeypatch.setattr(Predictor, "forward", listen)
    events = run(prepare("flow", max_train_epochs=10, learning_rate=3e-3, **settings, validation_split=0.4,
                         validation_seed=3))  # fmt: skip
    assert any(t.abs().max().item() > 0 for name, t in weights(events).items() if "lora_up" in name)
    measured = [event["loss"] for event in kinds(events, "validation")]
    assert measured[-1] < measured[0]
    low, high = (shifted(settings.get(name, default) / 1000) for name, default in
                 (("min_timestep", 0), ("max_timestep", 1000)))  # fmt: skip
    validated = 8  # two images at four levels, after each epoch
    trained = [t for t in asked if low <= t <= high]
    assert len(asked) - len(trained) <= validated * len(measured)
    assert all(0 < t < 1 for t in asked)


def test_what_is_learnt_and_drawn_differs_from_the_other_process(
    prepare: Prepare, request: pytest.FixtureRequest
) -> None:
    values: dict[str, Any] = {
        "max_train_epochs": 1, "sample_at_first": True, "sample_prompts": "a dog --w 64 --h 64 --s 4 --d 1",
    }  # fmt: skip
    usual = run(prepare("usual", **values))
    request.getfixturevalue("sd1_flows")
    flowing = run(prepare("flow", **values))
    assert difference(weights(usual), weights(flowing)) > 1e-6
    assert ImageChops.difference(first_sample(usual), first_sample(flowing)).getbbox() is not None

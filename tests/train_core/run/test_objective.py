"""The loss of a batch, worked out without a run: what the model is shown, its target, weights and masks."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.data.batch import Batch
from train_core.data.moments import Moments
from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.loss_aware import timestep_sampler
from train_core.diffusion.loss_recipe import LossRecipe
from train_core.diffusion.noise import noise_for, seeds_for
from train_core.diffusion.noise_recipe import NoiseRecipe
from train_core.models.family import Family
from train_core.run.model_inputs import ModelInputs
from train_core.run.objective import LEVELS, FixedObjective, Objective
from train_core.run.preservation import Preservation

PROCESS = DDPM(torch.linspace(0.99, 0.01, 1000), "epsilon")
FAMILY = cast(Family, SimpleNamespace(
    inpaints=False, to_latents=lambda moments, noise=None: moments.mean if noise is None else moments.sample(noise),
))  # fmt: skip
INPUTS = ModelInputs(FAMILY, PROCESS, torch.float32)


def batch(count: int, weights: list[float] | None = None, masks: Tensor | None = None) -> Batch:
    mean = torch.randn(count, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    return Batch(
        epoch=1, bucket=(16, 16), indices=torch.arange(count) + 7, weights=torch.tensor(weights or [1.0] * count),
        captions=[f"picture {number}" for number in range(count)], original_sizes=torch.zeros(count, 2),
        crops=torch.zeros(count, 2), moments=Moments(mean, torch.zeros_like(mean)), masks=masks,
    )  # fmt: skip


def objective(preservation: Preservation | None = None, **settings: Any) -> Objective:
    loss = LossSettings(**settings)
    return Objective(
        INPUTS, NoiseRecipe(loss), timestep_sampler(loss, "cpu"), LossRecipe(loss, PROCESS), 3, preservation
    )


def nothing(noisy: Tensor, t: Tensor, captions: list[str], extras: Mapping[str, Tensor]) -> Tensor:
    """A model that predicts that there is no noise."""
    return torch.zeros_like(noisy)


def noise_of(count: int) -> Tensor:
    return noise_for(seeds_for(3, 1, range(7, 7 + count), "noise"), (4, 2, 2))


def test_errors_are_summed_by_the_samples_weights() -> None:
    expected = (noise_of(2).square().mean(dim=(1, 2, 3)) * torch.tensor([0.25, 2.0])).sum()
    torch.testing.assert_close(objective().loss(batch(2, [0.25, 2.0]), nothing), expected)


def test_only_what_the_mask_leaves_counts() -> None:
    masks = torch.zeros(1, 1, 2, 2)
    masks[..., 0, 0] = 1
    expected = noise_of(1)[..., 0, 0].square().mean()
    torch.testing.assert_close(objective().loss(batch(1, masks=masks), nothing), expected)


def test_the_model_is_shown_the_latents_with_that_noise_at_the_level_it_is_told() -> None:
    shown: dict[str, Any] = {}

    def model(noisy: Tensor, t: Tensor, captions: list[str], extras: Mapping[str, Tensor]) -> Tensor:
        shown.update(noisy=noisy, t=t, captions=captions)
        return noisy

    one, given = objective(), batch(2)
    one.loss(given, model)
    torch.testing.assert_close(shown["noisy"], PROCESS.add_noise(one.latents(given), noise_of(2), shown["t"]))
    assert shown["captions"] == given.captions


def test_a_preserved_sample_is_measured_by_what_the_untrained_model_predicts() -> None:
    def untrained(noisy: Tensor, t: Tensor, captions: list[str], extras: Mapping[str, Tensor]) -> Tensor:
        assert captions == ["picture 1"]
        return torch.full_like(noisy, 2.0)

    expected = noise_of(1).square().mean() + 4
    found = objective(Preservation(frozenset({8}), untrained)).loss(batch(2), nothing)
    torch.testing.assert_close(found, expected)


def test_a_fixed_objective_asks_for_one_image_at_all_its_levels_the_same_each_time() -> None:
    asked: list[Tensor] = []

    def model(noisy: Tensor, t: Tensor, captions: list[str], extras: Mapping[str, Tensor]) -> Tensor:
        assert captions == ["picture 0"] * LEVELS
        assert {len(one) for one in extras.values()} == {LEVELS}
        asked.extend((noisy, t))
        return torch.zeros_like(noisy)

    fixed = FixedObjective(INPUTS, 5)
    first, again = fixed.loss(batch(1), model), fixed.loss(batch(1), model)
    assert first == again
    assert torch.equal(asked[0], asked[2])
    assert [int(t) // 250 for t in asked[1]] == [0, 1, 2, 3]
    assert first.item() == pytest.approx(1, abs=0.6)  # the mean square of noise

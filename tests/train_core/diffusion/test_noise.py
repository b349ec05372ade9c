"""Noise belongs to its sample: batch, order and the global generator leave it as it is."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train_core.diffusion.noise import (
    adapted_strength,
    noise_for,
    offset_noise,
    pyramid_noise,
    seeds_for,
    share_of,
    unit_deviation,
)

SHAPE = (4, 8, 8)


def test_noise_does_not_depend_on_batch_or_order():
    a, b, c = seeds_for(1, 0, [10, 11, 12], "noise")
    whole = noise_for([a, b, c], SHAPE)
    assert torch.equal(whole[[2, 0]], noise_for([c, a], SHAPE))


def test_the_global_generator_is_neither_read_nor_moved():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = noise_for([7], SHAPE), pyramid_noise([7], SHAPE, 3, 0.5)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    assert torch.equal(first[0], noise_for([7], SHAPE)) and torch.equal(first[1], pyramid_noise([7], SHAPE, 3, 0.5))


def test_samples_epochs_and_purposes_draw_apart():
    seeds = {seeds_for(s, e, [i], p)[0] for s in (0, 1) for e in (0, 1) for i in (0, 1) for p in ("noise", "timestep")}
    assert len(seeds) == 16


def test_noise_is_standard_normal():
    noise = noise_for(seeds_for(0, 0, range(64), "noise"), (4, 16, 16))
    assert noise.dtype == torch.float32 and noise.shape == (64, 4, 16, 16)
    assert abs(noise.mean().item()) < 0.02 and abs(noise.std().item() - 1) < 0.02
    assert abs((noise[0] * noise[1]).mean().item()) < 0.15


@given(st.integers(0, 2**63 - 1))
def test_a_share_lies_strictly_between_nothing_and_all(seed):
    assert 0 < share_of(seed) < 1


def test_shares_at_the_ends_of_what_seeds_can_be():
    assert share_of(0) == 2**-53 and share_of(2**63 - 1) == 1 - 2**-53
    assert share_of(2**62) == pytest.approx(0.5)


def test_an_offset_shifts_each_channel_by_one_value():
    noise, offsets = torch.zeros(1, 2, 2, 2), torch.tensor([1.0, -2.0]).view(1, 2, 1, 1)
    shifted = offset_noise(noise, offsets, 0.05)
    torch.testing.assert_close(shifted, torch.tensor([0.05, -0.1]).view(1, 2, 1, 1).expand(1, 2, 2, 2))


def test_an_adapted_offset_is_stronger_where_a_channel_is_far_from_grey_and_never_negative():
    # means of the channels: -3 and 1
    latents = torch.tensor([[-4.0, -2.0], [0.0, 2.0]]).view(1, 2, 1, 2)
    assert adapted_strength(0.1, latents, 0.5).flatten().tolist() == pytest.approx([1.6, 0.6])
    assert adapted_strength(0.1, latents, -0.05).flatten().tolist() == pytest.approx([0.0, 0.05])


def test_multires_noise_of_one_level_is_noise_of_full_size():
    noise = pyramid_noise(seeds_for(0, 0, range(32), "noise"), (4, 16, 16), 1, 0.3)
    assert abs(noise.std().item() - 1) < 0.02
    assert abs((noise[..., 1:] * noise[..., :-1]).mean().item()) < 0.02  # neighbours know nothing of each other


def test_further_levels_are_coarser_and_weaker():
    seeds = seeds_for(0, 0, range(32), "noise")
    second = pyramid_noise(seeds, (4, 16, 16), 2, 0.5) - pyramid_noise(seeds, (4, 16, 16), 1, 0.5)
    # 8 x 8 numbers or fewer of deviation 0.5, spread over 16 x 16: neighbours are alike, and averaging weakens
    assert 0.2 < second.std().item() < 0.5
    assert (second[..., 1:] * second[..., :-1]).mean() > 0.5 * second.square().mean()


def test_levels_end_where_a_side_is_one_pixel():
    assert torch.equal(pyramid_noise([3], (4, 4, 4), 16, 0.9), pyramid_noise([3], (4, 4, 4), 5, 0.9))


def test_multires_noise_does_not_depend_on_batch_or_order():
    whole = pyramid_noise([1, 2, 3], SHAPE, 4, 0.5)
    assert torch.equal(whole[[2, 0]], pyramid_noise([3, 1], SHAPE, 4, 0.5))


def test_every_sample_is_brought_to_unit_deviation_by_itself():
    """Dividing by the whole batch's deviation, as sd-scripts does, lets a sample's company change it."""
    noise = noise_for([1, 2], SHAPE) * torch.tensor([1.0, 5.0]).view(2, 1, 1, 1)
    alone = torch.cat([unit_deviation(noise[:1]), unit_deviation(noise[1:])])
    torch.testing.assert_close(unit_deviation(noise), alone, rtol=0, atol=0)
    torch.testing.assert_close(alone.std((1, 2, 3)), torch.ones(2))

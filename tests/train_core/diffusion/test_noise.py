"""Noise belongs to its sample: batch, order and the global generator leave it as it is."""

import torch

from train_core.diffusion.noise import noise_for, offset_noise, seeds_for

SHAPE = (4, 8, 8)


def test_noise_does_not_depend_on_batch_or_order():
    a, b, c = seeds_for(1, 0, [10, 11, 12], "noise")
    whole = noise_for([a, b, c], SHAPE)
    assert torch.equal(whole[[2, 0]], noise_for([c, a], SHAPE))


def test_the_global_generator_is_neither_read_nor_moved():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = noise_for([7], SHAPE)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    assert torch.equal(first, noise_for([7], SHAPE))


def test_samples_epochs_and_purposes_draw_apart():
    seeds = {seeds_for(s, e, [i], p)[0] for s in (0, 1) for e in (0, 1) for i in (0, 1) for p in ("noise", "timestep")}
    assert len(seeds) == 16


def test_noise_is_standard_normal():
    noise = noise_for(seeds_for(0, 0, range(64), "noise"), (4, 16, 16))
    assert noise.dtype == torch.float32 and noise.shape == (64, 4, 16, 16)
    assert abs(noise.mean().item()) < 0.02 and abs(noise.std().item() - 1) < 0.02
    assert abs((noise[0] * noise[1]).mean().item()) < 0.15


def test_an_offset_shifts_each_channel_by_one_value():
    noise, offsets = torch.zeros(1, 2, 2, 2), torch.tensor([1.0, -2.0]).view(1, 2, 1, 1)
    shifted = offset_noise(noise, offsets, 0.05)
    torch.testing.assert_close(shifted, torch.tensor([0.05, -0.1]).view(1, 2, 1, 1).expand(1, 2, 2, 2))

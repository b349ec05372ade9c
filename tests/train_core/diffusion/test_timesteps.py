"""Noise levels are drawn per sample, from the range and the distribution that the settings name."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.loss_aware import LossAwareTimesteps, timestep_sampler
from train_core.diffusion.noise import seeds_for
from train_core.diffusion.timesteps import TimestepSampler, logit_normal

MANY = seeds_for(0, 0, range(20000), "timestep")
# Share of a standard normal distribution below -1, and between -1 and 0.
BELOW_MINUS_ONE, NEXT = 0.158655, 0.341345
LOGISTIC_OF_ONE = 1 / (1 + math.exp(-1))  # 0.731


PROCESS = DDPM(torch.linspace(0.99, 0.01, 1000), "epsilon")


def drawn(**settings):
    """Timesteps of the DDPM process, which are whole numbers."""
    found = PROCESS.sample_t(timestep_sampler(LossSettings(**settings), "cpu").draw(MANY))
    assert torch.equal(found, found.floor())
    return found.long()


def test_uniform_timesteps_are_spread_over_all_levels():
    found = drawn()
    assert found.min() >= 0 and found.max() <= 999
    tenths = torch.bincount(found // 100, minlength=10) / len(MANY)
    assert (tenths - 0.1).abs().max() < 0.01  # about 5 standard deviations


@pytest.mark.parametrize("sampling", ["uniform", "sigmoid", "logit_normal", "loss_aware"])
def test_the_lowest_level_is_drawn_and_the_highest_is_not(sampling):
    found = drawn(timestep_sampling=sampling, min_timestep=300, max_timestep=305)
    assert set(found.tolist()) == {300, 301, 302, 303, 304}


@pytest.mark.parametrize("sampling", ["uniform", "sigmoid", "logit_normal", "loss_aware"])
def test_a_timestep_belongs_to_its_sample_and_not_to_its_batch(sampling):
    sampler = timestep_sampler(LossSettings(timestep_sampling=sampling), "cpu")
    whole = sampler.draw(seeds_for(3, 2, [4, 5, 6], "timestep"))
    assert torch.equal(whole, torch.cat([sampler.draw(seeds_for(3, 2, [i], "timestep")) for i in (4, 5, 6)]))
    assert not torch.equal(whole, sampler.draw(seeds_for(3, 3, [4, 5, 6], "timestep")))


def test_a_single_level_is_drawn_always():
    assert set(drawn(min_timestep=999, max_timestep=1000).tolist()) == {999}


def test_logit_normal_by_hand():
    # The normal distribution's value at share 0.841345 is 1: sigmoid(0.5 + 2 * 1)
    assert logit_normal(0.8413447460685429, 0.5, 2.0) == pytest.approx(1 / (1 + math.exp(-2.5)))
    assert logit_normal(0.5, 0.0, 1.0) == 0.5


@given(st.floats(2**-53, 1 - 2**-53), st.floats(-10, 10), st.floats(0.01, 10))
def test_a_logit_normal_place_is_a_place_for_every_draw_and_setting(share, mean, std):
    assert 0 <= logit_normal(share, mean, std) <= 1


@pytest.mark.parametrize("settings", [
    {"timestep_sampling": "sigmoid", "sigmoid_scale": 1.0},
    {"timestep_sampling": "logit_normal", "logit_mean": 0.0, "logit_std": 1.0},
])
def test_the_middle_levels_are_drawn_most(settings):
    places = drawn(**settings) / 1000
    assert (places < 1 - LOGISTIC_OF_ONE).float().mean().item() == pytest.approx(BELOW_MINUS_ONE, abs=0.01)
    assert ((places >= 1 - LOGISTIC_OF_ONE) & (places < 0.5)).float().mean().item() == pytest.approx(NEXT, abs=0.015)


def test_a_mean_above_zero_prefers_strong_noise():
    places = drawn(timestep_sampling="logit_normal", logit_mean=1.0) / 1000
    assert places.median().item() == pytest.approx(LOGISTIC_OF_ONE, abs=0.01)


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {"timestep_sampling": "sigmoid"}),
        ({}, {"timestep_sampling": "logit_normal", "logit_std": 2.0}),
        ({"timestep_sampling": "sigmoid"}, {"sigmoid_scale": 2.0}),
        ({"timestep_sampling": "logit_normal"}, {"logit_mean": 1.0}),
        ({"timestep_sampling": "logit_normal"}, {"logit_std": 2.0}),
        ({}, {"min_timestep": 500}),
        ({}, {"max_timestep": 500}),
    ],
)
def test_every_setting_changes_which_levels_are_drawn(given, changed):
    assert not torch.equal(drawn(**given), drawn(**given | changed))


def test_samplers_that_do_not_learn_leave_losses_alone_and_have_nothing_to_remember():
    sampler, losses = TimestepSampler(0, 1000), torch.tensor([1.0, 2.0])
    sampler.note(losses, torch.tensor([1, 2]), torch.ones(2))
    sampler.end_step(lambda noted: noted)
    assert sampler.balanced(losses, torch.tensor([1, 2])) is losses
    assert sampler.state_dict() == {}


def test_the_settings_name_the_sampler():
    assert type(timestep_sampler(LossSettings(), "cpu")) is TimestepSampler
    assert type(timestep_sampler(LossSettings(timestep_sampling="loss_aware"), "cpu")) is LossAwareTimesteps

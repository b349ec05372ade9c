"""Noise levels of high loss are drawn more often without counting more, the same way everywhere and after a resume."""

import pytest
import torch

from train_core.diffusion.loss_aware import LossAwareTimesteps, level_probabilities
from train_core.diffusion.noise import seeds_for


def alone(noted: torch.Tensor) -> torch.Tensor:
    """The sum over one process."""
    return noted


def level(*thousandths: int) -> torch.Tensor:
    """Noise levels u in the middle of these thousandths."""
    return (torch.tensor(thousandths) + 0.5) / 1000


def taught(steps: int = 30, first: int = 0, end: int = 1000) -> LossAwareTimesteps:
    """A sampler that has met losses of 2 in the lower half and of 1 in the upper one."""
    sampler = LossAwareTimesteps(first, end, "cpu")
    for step in range(steps):
        levels = sampler.draw(seeds_for(0, step, range(64), "timestep"))
        losses = torch.where(levels < (first + end) // 2 / 1000, 2.0, 1.0)
        sampler.note(losses, levels, torch.ones(64))
        sampler.end_step(alone)
    return sampler


def test_probabilities_by_hand():
    # Two bins of two levels. Mean square (10 * 4 + 30 * 1) / 40 = 1.75. With ten samples of it each:
    # (40 + 17.5) / 20 = 2.875 and (30 + 17.5) / 40 = 1.1875; roots 1.69558 and 1.08972, sum over levels 5.57060.
    found = level_probabilities(torch.tensor([40.0, 30.0]), torch.tensor([10.0, 30.0]), torch.tensor([0, 0, 1, 1]))
    expected = [0.9 * root / 5.57060 + 0.1 / 4 for root in (1.69558, 1.69558, 1.08972, 1.08972)]
    assert found.tolist() == pytest.approx(expected, rel=1e-4)


def test_before_anything_is_known_every_level_is_as_likely():
    fresh = LossAwareTimesteps(0, 1000, "cpu")
    torch.testing.assert_close(fresh.probabilities, torch.full((1000,), 1e-3))
    losses = torch.tensor([3.0])
    torch.testing.assert_close(fresh.balanced(losses, level(17)), losses)


def test_levels_of_high_loss_are_drawn_more_often():
    sampler = taught()
    lower = (sampler.draw(seeds_for(9, 0, range(4000), "timestep")) < 0.5).float().mean().item()
    assert lower == pytest.approx(sampler.probabilities[:500].sum().item(), abs=0.03)
    assert 0.6 < lower < 2 / 3  # towards two to one, less the tenth that stays uniform


def test_and_count_so_much_less_that_the_mean_loss_stays_that_of_uniform_draws():
    sampler = taught()
    losses = torch.where(torch.arange(1000) < 500, 2.0, 1.0)
    expected = (sampler.probabilities * sampler.balanced(losses, level(*range(1000)))).sum()
    assert expected.item() == pytest.approx(1.5, rel=1e-5)


def test_no_level_is_ever_left_out_and_no_loss_counts_more_than_tenfold():
    sampler = LossAwareTimesteps(0, 1000, "cpu")
    levels = level(*range(1000))
    sampler.note(torch.where(levels < 0.05, 1e6, 0.0), levels, torch.ones(1000))
    sampler.end_step(alone)
    assert sampler.probabilities.min() >= 0.1 / 1000 * 0.999
    assert sampler.balanced(torch.ones(1000), levels).max() <= 10.01


def test_the_range_may_be_smaller_than_the_number_of_bins_and_begin_anywhere():
    sampler = taught(first=300, end=307)
    assert set((1000 * sampler.draw(seeds_for(1, 0, range(500), "timestep"))).long().tolist()) == set(range(300, 307))
    assert sampler.probabilities[0] > sampler.probabilities[-1]


def test_padding_samples_and_broken_losses_teach_nothing():
    sampler = LossAwareTimesteps(0, 1000, "cpu")
    sampler.note(torch.tensor([5.0, float("nan"), float("inf")]), level(1, 2, 3), torch.tensor([0.0, 1, 1]))
    sampler.end_step(alone)
    torch.testing.assert_close(sampler.probabilities, torch.full((1000,), 1e-3))


def test_two_processes_know_what_one_with_the_doubled_batch_knows():
    one, left, right = (LossAwareTimesteps(0, 1000, "cpu") for _ in range(3))
    losses, levels, weights = torch.linspace(0.1, 0.8, 8), level(*range(0, 960, 120)), torch.ones(8)
    one.note(losses, levels, weights)
    left.note(losses[::2], levels[::2], weights[::2])
    right.note(losses[1::2], levels[1::2], weights[1::2])
    both = left._noted + right._noted
    one.end_step(alone)
    left.end_step(lambda noted: both)
    right.end_step(lambda noted: both)
    assert torch.equal(left.probabilities, right.probabilities)
    torch.testing.assert_close(left.probabilities, one.probabilities)


def test_after_a_resume_the_draws_go_on_as_if_nothing_had_happened():
    before = taught()
    after = LossAwareTimesteps(0, 1000, "cpu")
    after.load_state_dict(before.state_dict())
    seeds = seeds_for(4, 7, range(100), "timestep")
    assert torch.equal(before.draw(seeds), after.draw(seeds))
    for sampler in (before, after):
        sampler.note(torch.ones(1), level(900), torch.ones(1))
        sampler.end_step(alone)
    assert torch.equal(before.probabilities, after.probabilities)


def test_a_state_is_a_copy_that_further_steps_do_not_change():
    sampler = taught(steps=2)
    state = sampler.state_dict()["losses"].clone()
    kept = sampler.state_dict()
    sampler.note(torch.ones(1), level(1), torch.ones(1))
    sampler.end_step(alone)
    assert torch.equal(kept["losses"], state)

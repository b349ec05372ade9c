"""Holes for inpainting are drawn from each sample's seed, vary, and hide some of the picture or all of it."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from train_core.diffusion.inpainting_masks import WHOLE, holes_for


@settings(deadline=None)
@given(seed=st.integers(0, 2**63 - 1), width=st.integers(1, 40), height=st.integers(1, 40))
def test_every_hole_hides_something_and_is_all_or_nothing_at_each_place(seed, width, height):
    holes = holes_for([seed], (8 * width, 8 * height))
    assert holes.shape == (1, 1, 8 * height, 8 * width)
    assert set(holes.unique().tolist()) <= {0.0, 1.0}
    assert holes.sum() > 0


def test_a_samples_hole_follows_from_its_own_seed_alone():
    together = holes_for([1, 2, 3], (64, 96))
    assert all(torch.equal(together[row], holes_for([seed], (64, 96))[0]) for row, seed in enumerate((1, 2, 3)))


def test_about_a_quarter_of_the_pictures_is_hidden_whole_and_the_others_differ():
    holes = holes_for(range(400), (64, 64))
    hidden = holes.mean(dim=(1, 2, 3))
    assert abs((hidden == 1).float().mean() - WHOLE) < 0.08
    parts = hidden[hidden < 1]
    assert parts.min() < 0.1 and parts.max() > 0.4 and len(parts.unique()) > 100

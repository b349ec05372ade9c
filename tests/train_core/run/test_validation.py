"""The fixed draws of a validation, and what it leaves as it was."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from train_core.run.objective import LEVELS, levels_of
from train_core.run.readback import Readback
from train_core.run.validation import without_dropouts


@given(st.integers(0, 10_000), st.sampled_from([1000, 100, 7]))
def test_an_image_is_measured_once_in_each_part_of_the_noise_levels(index: int, steps: int) -> None:
    drawn = (levels_of(index) * steps).floor().tolist()
    assert len(drawn) == LEVELS
    for level, timestep in enumerate(drawn):
        assert int(level * steps / LEVELS) <= timestep < (level + 1) * steps / LEVELS


def test_many_images_cover_the_noise_levels_evenly() -> None:
    drawn = torch.cat([levels_of(index) * 1000 for index in range(50)])
    assert torch.histc(drawn.float(), 20, 0, 1000).tolist() == [10] * 20


def test_dropouts_are_off_only_while_measuring() -> None:
    model = nn.Sequential(nn.Dropout(0.5))
    with without_dropouts(model):
        assert not model[0].training
    assert model[0].training


def test_numbers_read_back_are_those_of_the_last_start() -> None:
    readback = Readback()
    readback.start(torch.tensor([[0.5]]))
    readback.start(torch.tensor([[1.0, float("inf")]]))
    assert readback.read() == [[1.0, float("inf")]]

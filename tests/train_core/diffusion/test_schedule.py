"""The schedule with zero terminal SNR: by hand, by its two ends, and against diffusers' own."""

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from hypothesis import given
from hypothesis import strategies as st

from train_core.diffusion.schedule import zero_terminal


def usual() -> torch.Tensor:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    return torch.cumprod(1 - betas, 0)


def test_roots_are_shifted_and_stretched():
    # roots 0.9, 0.6, 0.3: shifted 0.6, 0.3, 0; stretched by 0.9 / 0.6 to 0.9, 0.45, 0
    rescaled = zero_terminal(torch.tensor([0.81, 0.36, 0.09]))
    torch.testing.assert_close(rescaled, torch.tensor([0.81, 0.2025, 0.0]))


def test_it_is_the_schedule_of_diffusers():
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    theirs = torch.cumprod(1 - rescale_zero_terminal_snr(betas), 0)
    torch.testing.assert_close(zero_terminal(usual()), theirs, rtol=1e-3, atol=1e-7)


@given(st.lists(st.floats(0.001, 0.3), min_size=2, max_size=50))
def test_it_ends_at_nothing_keeps_the_first_and_still_falls(betas):
    alphas = torch.cumprod(1 - torch.tensor(betas), 0)
    rescaled = zero_terminal(alphas)
    assert rescaled[-1] == 0
    assert rescaled[0].item() == pytest.approx(alphas[0].item(), rel=1e-6)
    assert (rescaled.diff() < 0).all()


def test_a_schedule_that_ends_at_nothing_stays_as_it_is():
    once = zero_terminal(usual())
    torch.testing.assert_close(zero_terminal(once), once, rtol=1e-6, atol=0)

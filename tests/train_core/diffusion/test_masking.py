"""Errors averaged over what counts."""

from __future__ import annotations

import pytest
import torch

from train_core.diffusion.masking import masked_mean


def test_without_a_mask_it_is_the_plain_mean() -> None:
    errors = torch.rand(2, 4, 3, 5)
    assert torch.equal(masked_mean(errors, None), errors.mean(dim=(1, 2, 3)))
    torch.testing.assert_close(masked_mean(errors, torch.ones(2, 1, 3, 5)), errors.mean(dim=(1, 2, 3)))


def test_each_error_counts_by_its_mask() -> None:
    """(1 · 2 + 0.5 · 4) / 1.5, by hand; the second channel has twice the errors."""
    errors = torch.tensor([[[[2.0, 4.0, 100.0]], [[4.0, 8.0, 100.0]]]])
    mask = torch.tensor([[[[1.0, 0.5, 0.0]]]])
    assert masked_mean(errors, mask).tolist() == pytest.approx([(4 / 1.5 + 8 / 1.5) / 2])


def test_a_small_mask_does_not_lower_the_learning_rate() -> None:
    errors = torch.full((2, 4, 8, 8), 3.0)
    mask = torch.ones(2, 1, 8, 8)
    mask[1] = 0
    mask[1, 0, 0, 0] = 0.25
    assert masked_mean(errors, mask).tolist() == [3.0, 3.0]


def test_what_is_hidden_has_no_gradient() -> None:
    errors = torch.rand(1, 4, 2, 2, requires_grad=True)
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
    masked_mean(errors, mask).sum().backward()
    assert errors.grad is not None
    assert ((errors.grad != 0) == (mask > 0)).all()


def test_an_empty_mask_gives_zero_and_not_nan() -> None:
    errors = torch.rand(1, 4, 2, 2, requires_grad=True)
    loss = masked_mean(errors, torch.zeros(1, 1, 2, 2))
    loss.sum().backward()
    assert loss.tolist() == [0.0]
    assert errors.grad is not None
    assert not errors.grad.any()

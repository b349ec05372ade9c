"""Truncated decompositions against LAPACK's own of the whole matrix."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from train_core.workshop.common.algebra import (
    Factors,
    at_rank,
    by_norm,
    by_ratio,
    by_sum,
    cut,
    cut_dense,
    cut_to_rank,
    inner_product,
    norm_of,
    side_by_side,
)


def factors(seed: int, rows: int, rank: int, columns: int) -> Factors:
    generator = torch.Generator().manual_seed(seed)
    return Factors(torch.randn(rows, rank, generator=generator), torch.randn(rank, columns, generator=generator))


def nearest(matrix: Tensor, rank: int) -> Tensor:
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ vh[:rank]


def distance(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).norm() / other.double().norm())


@given(
    seed=st.integers(0, 10**6), rows=st.integers(1, 40), rank=st.integers(1, 12), columns=st.integers(1, 40),
    wanted=st.integers(1, 16),
)
@settings(max_examples=60, deadline=None)
def test_a_cut_is_the_truncated_svd_whatever_the_shapes(
    seed: int, rows: int, rank: int, columns: int, wanted: int
) -> None:
    both = factors(seed, rows, rank, columns)
    whole = both.dense()
    for found in (cut(both, at_rank(wanted)), cut_dense(whole, at_rank(wanted))):
        expected = nearest(whole, wanted)
        error = float((whole.double() - found.factors.dense().double()).norm())
        least = float((whole.double() - expected).norm())
        scale = float(whole.norm())
        assert error <= least + 1e-5 * scale  # Eckart and Young
        assert found.kept == pytest.approx(float(expected.norm()) / scale, abs=1e-5)


@given(seed=st.integers(0, 10**6), rank=st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_a_cut_at_full_rank_is_the_identity(seed: int, rank: int) -> None:
    both = factors(seed, 30, rank, 20)
    found = cut(both, at_rank(rank))
    assert found.factors.rank == rank
    assert distance(found.factors.dense(), both.dense()) < 1e-5
    assert found.kept == pytest.approx(1.0)


def test_a_cut_equals_the_truncated_svd_where_that_is_unique() -> None:
    u, v = (torch.linalg.qr(torch.randn(n, 10, generator=torch.Generator().manual_seed(n))).Q for n in (60, 45))
    both = Factors(u * torch.tensor([2.0**-k for k in range(10)]), v.T.contiguous())
    for rank in (1, 3, 9):
        assert distance(cut(both, at_rank(rank)).factors.dense(), nearest(both.dense(), rank)) < 1e-5
        assert distance(cut_dense(both.dense(), at_rank(rank)).factors.dense(), nearest(both.dense(), rank)) < 1e-5


def test_nothing_is_cut_to_nothing() -> None:
    found = cut(Factors(torch.zeros(5, 3), torch.randn(3, 4)), at_rank(2))
    assert not found.factors.dense().any()
    assert found.kept == 1.0


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_sketch_misses_the_least_error_by_less_than_it_says(power: float) -> None:
    """On spectra 1/k^p, from as slow as noise to as fast as what training leaves."""
    generator = torch.Generator().manual_seed(0)
    u, v = (torch.linalg.qr(torch.randn(n, 200, generator=generator)).Q for n in (300, 250))
    whole = (u * torch.arange(1, 201).float() ** -power) @ v.T
    for rank in (8, 32):
        error = float((whole - cut_to_rank(whole, rank).factors.dense()).norm())
        assert error < 1.01 * float((whole - nearest(whole, rank)).norm())


def test_a_planted_rank_is_recovered_by_a_sketch() -> None:
    planted = factors(4, 300, 6, 200)
    assert distance(cut_to_rank(planted.dense(), 6).factors.dense(), planted.dense()) < 1e-5


def test_how_many_are_kept() -> None:
    values = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    assert by_ratio(2, 9)(values) == 2
    assert by_ratio(8, 9)(values) == 4
    assert by_ratio(8, 3)(values) == 3
    assert by_sum(0.8, 9)(values) == 2  # 12 of 15
    assert by_sum(1.0, 9)(values) == 4
    assert by_norm((80 / 85) ** 0.5, 9)(values) == 2  # 64 + 16 of 85
    assert by_norm(1.0, 9)(values) == 4
    assert by_sum(0.5, 9)(torch.zeros(3)) == 1


def test_norms_and_products_are_those_of_the_whole_matrices() -> None:
    one, other = factors(1, 20, 3, 15), factors(2, 20, 5, 15)
    assert norm_of(one) == pytest.approx(float(one.dense().norm()), rel=1e-5)
    assert inner_product(one, other) == pytest.approx(float((one.dense() * other.dense()).sum()), rel=1e-4)
    assert torch.allclose(side_by_side([one, other]).dense(), one.dense() + other.dense(), atol=1e-4)

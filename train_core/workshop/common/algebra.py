"""Singular values of products of small maps and of whole matrices, without ever decomposing a large one.

Everything is measured on fp64 Gram matrices: their eigenvalues are the squares of singular values, so that one as small
as 1e-7 of the largest is still told apart, which is what fp32 holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

OVERSAMPLING, POWER_ITERATIONS = 16, 3
Choice = Callable[[Tensor], int]  # singular values, largest first -> how many are kept


@dataclass(frozen=True)
class Factors:
    """A matrix (m, n) as up (m, r) times down (r, n), fp32."""

    up: Tensor
    down: Tensor

    @property
    def rank(self) -> int:
        return len(self.down)

    def dense(self) -> Tensor:
        """The matrix itself."""
        return self.up @ self.down

    def times(self, strength: float) -> Factors:
        """The matrix times a number."""
        return Factors(self.up * strength, self.down)


@dataclass(frozen=True)
class Cut:
    """A matrix of lower rank that is nearest to another one, and the share of that one's norm that it keeps."""

    factors: Factors
    kept: float


def side_by_side(factors: list[Factors]) -> Factors:
    """The sum of the matrices: their maps next to each other."""
    return Factors(torch.cat([one.up for one in factors], 1), torch.cat([one.down for one in factors]))


def norm_of(factors: Factors) -> float:
    """The Frobenius norm of the product."""
    up, down = factors.up.double(), factors.down.double()
    return float(((up.T @ up) * (down @ down.T)).sum().clamp(min=0).sqrt())


def inner_product(one: Factors, other: Factors) -> float:
    """The sum over the products of the entries of two matrices of the same shape."""
    return float(((one.up.double().T @ other.up.double()) * (one.down.double() @ other.down.double().T)).sum())


def cut(factors: Factors, choose: Choice) -> Cut:
    """The truncated singular value decomposition of the product (Eckart and Young, 1936), from its factors alone.

    With UᵀU = V Λ Vᵀ the left singular vectors are U V Λ^-½ W, where W are the eigenvectors of Λ^½ Vᵀ (DDᵀ) V Λ^½.
    """
    up, down = factors.up.double(), factors.down.double()
    lengths, axes = _eigen(up.T @ up)
    tall = axes * lengths.sqrt()  # V Λ^½
    squares, turn = _eigen(tall.T @ (down @ down.T) @ tall)
    return _cut(squares, choose, lambda k: _split(up, down, tall, axes, lengths, turn[:, :k], squares[:k]))


def _split(
    up: Tensor, down: Tensor, tall: Tensor, axes: Tensor, lengths: Tensor, turn: Tensor, squares: Tensor
) -> Factors:
    """The two maps, which share the singular values evenly."""
    root, divisor = _roots(squares)
    inverse = torch.where(lengths > 0, lengths.clamp(min=torch.finfo(lengths.dtype).tiny).rsqrt(), 0.0)
    left = up @ ((axes * inverse) @ turn)  # (m, k), orthonormal
    right = (turn.T @ tall.T) @ down  # (k, n), rows of length σ
    return Factors((left * root).float().contiguous(), (right / divisor[:, None]).float().contiguous())


def _roots(squares: Tensor) -> tuple[Tensor, Tensor]:
    """√σ of σ², to multiply one map by and to divide the other by: where it is zero the one becomes zero."""
    root = squares.clamp(min=0) ** 0.25
    return root, torch.where(root > 0, root, 1.0)


def cut_dense(matrix: Tensor, choose: Choice) -> Cut:
    """The truncated singular value decomposition of a whole matrix (m, n), by the Gram matrix of its shorter side."""
    wide = matrix.shape[0] <= matrix.shape[1]
    work = matrix.double() if wide else matrix.double().T
    squares, axes = _eigen(work @ work.T)

    def split(k: int) -> Factors:
        root, divisor = _roots(squares[:k])
        one, other = axes[:, :k] * root, (axes[:, :k].T @ work) / divisor[:, None]
        up, down = (one, other) if wide else (other.T, one.T)
        return Factors(up.float().contiguous(), down.float().contiguous())

    return _cut(squares, choose, split)


def cut_to_rank(matrix: Tensor, rank: int, seed: int = 0) -> Cut:
    """The same for a fixed rank, far quicker: by a random sketch with power iterations (Halko et al., 2011).

    The error exceeds the least possible one by under 1 % on spectra as slow as 1/√k, and by far less on those that
    fall as those of trained changes do; tests hold it to that.
    """
    width = rank + OVERSAMPLING
    if 2 * width >= min(matrix.shape):
        return cut_dense(matrix, lambda values: rank)
    matrix = matrix.float()
    generator = torch.Generator().manual_seed(seed)
    sketch = matrix @ torch.randn(matrix.shape[1], width, generator=generator)
    for _ in range(POWER_ITERATIONS):
        sketch = matrix @ (matrix.T @ torch.linalg.qr(sketch).Q)
    basis = torch.linalg.qr(sketch).Q
    found = cut_dense(basis.T @ matrix, lambda values: rank)
    total = float(matrix.double().square().sum().sqrt())
    kept = norm_of(found.factors) / total if total else 1.0
    return Cut(Factors(basis @ found.factors.up, found.factors.down), min(kept, 1.0))


def _eigen(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, largest first and none below what rounding makes of zero, and their vectors in columns."""
    values, vectors = torch.linalg.eigh(gram)
    values, vectors = values.flip(0), vectors.flip(1)
    floor = values[0].clamp(min=0) * torch.finfo(values.dtype).eps * len(values)
    return torch.where(values > floor, values, 0.0), vectors


def _cut(squares: Tensor, choose: Choice, split: Callable[[int], Factors]) -> Cut:
    wanted = max(1, min(int(choose(squares.sqrt().float())), len(squares)))
    total = float(squares.sum())
    return Cut(split(wanted), (float(squares[:wanted].sum()) / total) ** 0.5 if total else 1.0)


def at_rank(rank: int) -> Choice:
    """Keeps that many."""
    return lambda values: rank


def by_ratio(ratio: float, limit: int) -> Choice:
    """Keeps those that are at least the largest one divided by `ratio`, `limit` at most."""
    return lambda values: min(limit, int((values >= values[0] / ratio).sum()))


def by_norm(share: float, limit: int) -> Choice:
    """Keeps as many as it takes for this share of the Frobenius norm, `limit` at most."""
    return lambda values: min(limit, _first(values.double().square().cumsum(0), share**2))


def by_sum(share: float, limit: int) -> Choice:
    """Keeps as many as it takes for this share of the sum of all, `limit` at most."""
    return lambda values: min(limit, _first(values.double().cumsum(0), share))


def _first(sums: Tensor, share: float) -> int:
    """Count the values whose running sum reaches `share` of the whole; 1 where all are zero."""
    if not float(sums[-1]):
        return 1
    return int((sums < share * sums[-1] * (1 - 1e-9)).sum()) + 1

"""Splits of a layer's sides into factors and blocks, by the conventions of LyCORIS."""

from __future__ import annotations

from train_core.config.problems import UserError, problem


def split(size: int, factor: int = -1) -> tuple[int, int]:
    """`size` as a product of a smaller and a larger number: of `factor` and the rest where it divides, else the most
    even split whose smaller number is at most `factor`; any where `factor` is -1. The convention of LyCORIS."""
    if factor > 0 and size % factor == 0:
        small, large = sorted((factor, size // factor))
        return small, large
    limit = size if factor < 0 else factor
    small = max(n for n in range(1, int(size**0.5) + 1) if size % n == 0 and n <= max(1, limit))
    return small, size // small


def butterfly(outputs: int, aim: int) -> tuple[int, int]:
    """(size, count) of BOFT's blocks: size · count = outputs, count a power of two and size even, as near below `aim`
    as that allows. Raises UserError where no such split is. The convention of LyCORIS."""
    sizes = [size for size in range(2, min(aim, outputs) + 1, 2) if outputs % size == 0]
    fitting = [size for size in sizes if (outputs // size).bit_count() == 1]
    if not fitting:
        raise UserError(
            problem(
                "boft_cannot_split",
                "BOFT cannot split a layer with {outputs} outputs into blocks of at most {aim}: the number of blocks "
                "must be a power of two. Raise network_dim, or choose Diag-OFT.",
                outputs=outputs, aim=aim,
            )
        )
    return fitting[-1], outputs // fitting[-1]

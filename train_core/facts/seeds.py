"""Seeds of all random draws: one for each (run seed, epoch, sample, purpose)."""

from __future__ import annotations

import hashlib


def sample_seed(seed: int, index: int) -> int:
    """The seed of the picture of a run's prompt number `index`, from 0, that has none of its own: 32 bits."""
    return seed_for(seed, 0, index, "sample") % 2**32


def seed_for(seed: int, epoch: int, index: int, purpose: str) -> int:
    """A 63-bit seed that depends on all four values and on nothing else.

    No draw depends on what was drawn before it, so workers, processes, caches and resuming cannot change a run.
    `purpose` keeps draws for different things ("order", "flip", "caption", "noise") independent of each other.
    """
    digest = hashlib.blake2b(f"{seed}/{epoch}/{index}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1

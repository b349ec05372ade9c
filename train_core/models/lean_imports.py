"""Importing diffusers without bitsandbytes, which it would load for quantised models that are never read through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_quantizers() -> Iterator[None]:
    """Let diffusers, where it is imported within, believe that there is no bitsandbytes.

    That saves more than a second of every start. What is kept in fewer bits here (`quantised`) and optimizers that need
    it import bitsandbytes themselves.
    """
    import diffusers.utils.import_utils as known  # noqa: PLC0415 - takes long, and few starts need it

    available = known._bitsandbytes_available
    known._bitsandbytes_available = False
    try:
        yield
    finally:
        known._bitsandbytes_available = available

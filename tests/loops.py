"""Tests that are coroutines, each run by an event loop in a thread of its own.

Playwright keeps a loop running in the thread of the tests once a browser has started, where no other may run then.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_its_own_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """`test` as a function that returns when the coroutine has ended, and raises what it raised."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, test(*args, **kwargs)).result()

    return run

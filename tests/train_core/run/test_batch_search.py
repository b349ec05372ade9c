"""The search for the largest batch: it ends at what memory holds, and does nothing that cannot fit where that kills."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from train_core.run.batch_search import Bounds, Largest, Trial, largest_batch

AMPLE = 1e9


class Card:
    """Memory that grows with the batch: `base` bytes and `each` for a sample, of `memory` in all."""

    def __init__(self, base: int, each: int, memory: int, seconds: float = 1.0) -> None:
        self.base, self.each, self.memory, self.seconds = base, each, memory, seconds
        self.done: list[int] = []

    def peak(self, size: int) -> int:
        return self.base + self.each * size

    def measure(self, size: int) -> Trial | None:
        self.done.append(size)
        fits = self.peak(size) <= self.memory
        return Trial(size, self.peak(size), self.seconds * size) if fits else None


cards = st.builds(Card, st.integers(0, 1_000), st.integers(1, 300), st.integers(1, 4_000))


@given(cards, st.integers(1, 16), st.integers(1, 64))
def test_with_time_enough_it_is_the_largest_that_fits(card: Card, start: int, limit: int) -> None:
    found = largest_batch(card.measure, start, Bounds(limit, card.memory, AMPLE))
    upper = max(start, limit) if card.peak(start) <= card.memory else start
    true = max((n for n in range(upper + 1) if n == 0 or card.peak(n) <= card.memory), default=0)
    assert found == Largest(true)
    assert len(card.done) < 20


@given(cards, st.integers(1, 16), st.integers(1, 64))
def test_where_the_system_kills_nothing_is_done_that_does_not_fit_beyond_the_first(
    card: Card, start: int, limit: int
) -> None:
    if card.peak(start) > card.memory:
        return  # it has happened already
    found = largest_batch(card.measure, start, Bounds(limit, card.memory, AMPLE, careful=True))
    assert all(card.peak(size) <= card.memory for size in card.done)
    assert found is None or card.peak(found.size) <= card.memory


@given(cards, st.integers(1, 16), st.integers(1, 64), st.floats(0, 100))
def test_the_time_that_is_left_is_not_exceeded(card: Card, start: int, limit: int, seconds: float) -> None:
    found = largest_batch(card.measure, start, Bounds(limit, card.memory, seconds))
    first = next((place for place, size in enumerate(card.done) if card.peak(size) <= card.memory), len(card.done) - 1)
    spent = sum(size * card.seconds for size in card.done[first + 1 :] if card.peak(size) <= card.memory)
    assert spent <= max(0.0, seconds - card.done[first] * card.seconds) + 1e-6
    assert found is None or found.size == 0 or card.peak(found.size) <= card.memory


def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    card = Card(base=0, each=10, memory=59)
    assert largest_batch(card.measure, 16, Bounds(16, 59, AMPLE)) == Largest(5)
    assert card.done[:3] == [16, 8, 4]
    assert largest_batch(Card(100, 1, 50).measure, 4, Bounds(4, 50, AMPLE)) == Largest(0)


def test_what_was_only_expected_says_so() -> None:
    card = Card(base=100, each=10, memory=1_000)
    found = largest_batch(card.measure, 1, Bounds(64, 1_000, seconds=7.5))
    assert card.done == [1, 2, 4]
    assert found == Largest(8, was_done=False)


def test_of_a_single_size_nothing_follows() -> None:
    card = Card(base=100, each=10, memory=1_000)
    assert largest_batch(card.measure, 1, Bounds(64, 1_000, seconds=0.5)) is None
    assert largest_batch(card.measure, 8, Bounds(8, 1_000, seconds=0.5)) == Largest(8)

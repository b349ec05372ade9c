"""The seeds of all draws."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from train_core.facts.seeds import seed_for

numbers = st.integers(0, 2**63 - 1)


@given(numbers, numbers, numbers, st.text())
def test_a_seed_has_63_bits_and_depends_on_its_arguments_only(seed: int, epoch: int, index: int, purpose: str) -> None:
    drawn = seed_for(seed, epoch, index, purpose)
    assert 0 <= drawn < 2**63
    assert drawn == seed_for(seed, epoch, index, purpose)


def test_seeds_stay_the_same_for_ever() -> None:
    """A changed value would change every run that is resumed or repeated."""
    assert seed_for(0, 0, 0, "order") == 4292718381835135854


def test_every_argument_matters() -> None:
    arguments = [(s, e, i, p) for s in range(6) for e in range(6) for i in range(6) for p in ("flip", "order")]
    assert len({seed_for(*a) for a in arguments}) == len(arguments)
    assert seed_for(1, 11, 1, "x") != seed_for(11, 1, 1, "x")


def test_the_lowest_bit_is_fair() -> None:
    ones = sum(seed_for(0, 0, index, "flip") % 2 for index in range(4000))
    assert 1850 < ones < 2150

"""Near-duplicates: pictures that are the same but for their file, and pictures that merely look alike."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from train_core.studio.measures import Measures

MOST_BITS, MOST_COLOUR = 8, 20  # of 64 bits, of 255; what true copies stay within
ROWS = 32  # compared with all that follow at once: few enough for a processor's cache

Kind = Literal["same", "alike"]


@dataclass(frozen=True)
class Group:
    """Pictures that belong together, by their place in the list that was compared, and which of them few others face.
    """

    kind: Kind
    members: tuple[int, ...]
    mirrored: frozenset[int] = frozenset()


def groups(pictures: Iterable[Measures], parts: Iterable[tuple[int, int]] = ()) -> list[Group]:
    """Groups of near-duplicates, larger ones first; a picture may be in one of each kind.

    The same: hashes within 8 bits, also mirrored, and colours within 20 on average. Alike: the hash alone, and the
    pairs in `parts`, of which one is a part of the other; only groups that hold more than one group of the same are
    named so.
    """
    numbers, pixels = array("Q"), bytearray()  # so that the measures of thousands need not be there together
    for one in pictures:
        numbers.extend((one.hash, one.mirrored))
        pixels += one.colours
    hashes, mirrored = np.frombuffer(numbers, dtype=np.uint64).reshape(-1, 2).T.copy()
    colours = np.frombuffer(pixels, dtype=np.uint8).reshape(len(hashes), -1) if len(hashes) else np.empty((0, 0))
    same, alike = _Sets(len(hashes)), _Sets(len(hashes))
    for first, second, is_mirrored in _close(hashes, mirrored, same):
        if same.joined(first, second):
            continue
        alike.join(first, second)
        if _colour_difference(colours[first], colours[second], is_mirrored) <= MOST_COLOUR:
            same.join(first, second)
    for pair in parts:
        alike.join(*pair)
    found = [Group("same", members, _mirrored(members, hashes, mirrored)) for members in same.groups()]
    whole = {group.members for group in found}
    found += [
        Group("alike", members, _mirrored(members, hashes, mirrored)) for members in alike.groups()
        if members not in whole
    ]  # fmt: skip
    return sorted(found, key=lambda group: (group.kind != "same", -len(group.members), group.members))


def _close(
    hashes: NDArray[np.uint64], mirrored: NDArray[np.uint64], same: _Sets
) -> Iterator[tuple[int, int, bool]]:
    """Pairs whose hashes differ in 8 bits at most, and whether the second one is mirrored for that.

    Pairs that were in one set of `same` some rows ago are left out: a thousand frames of one scene make half a million.
    """
    for start in range(0, len(hashes), ROWS):
        rows, roots = hashes[start : start + ROWS, None], same.roots()
        for others, is_mirrored in ((hashes, False), (mirrored, True)):
            close = np.bitwise_count(rows ^ others[None, start:]) <= MOST_BITS
            firsts, seconds = (places + start for places in np.nonzero(close))
            wanted = (firsts < seconds) & (roots[firsts] != roots[seconds])
            for first, second in zip(firsts[wanted].tolist(), seconds[wanted].tolist(), strict=True):
                yield first, second, is_mirrored


def _mirrored(members: tuple[int, ...], hashes: NDArray[np.uint64], mirrored: NDArray[np.uint64]) -> frozenset[int]:
    """Those of the members that are mirrored as against most of them; none where as many face each way."""
    places = list(members)
    straight = np.bitwise_count(hashes[places] ^ hashes[places[0]])
    turned = np.bitwise_count(mirrored[places] ^ hashes[places[0]])
    other = {place for place, is_other in zip(places, (turned < straight).tolist(), strict=True) if is_other}
    if 2 * len(other) == len(places):
        return frozenset()
    return frozenset(other if 2 * len(other) < len(places) else set(places) - other)


def _colour_difference(first: NDArray[np.uint8], second: NDArray[np.uint8], mirrored: bool) -> float:
    """The mean difference of 16 x 16 colours, in 0..255."""
    other = second.reshape(16, 16, 3)[:, ::-1].reshape(-1) if mirrored else second
    return float(np.abs(first.astype(np.int16) - other).mean())


class _Sets:
    """Disjoint sets of places, joined pair by pair."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._roots: NDArray[np.int64] | None = None  # as of the last join

    def _root(self, place: int) -> int:
        while self._parent[place] != place:
            self._parent[place] = self._parent[self._parent[place]]
            place = self._parent[place]
        return place

    def roots(self) -> NDArray[np.int64]:
        """For each place, one that stands for all of its set."""
        if self._roots is None:
            roots = np.array(self._parent)
            while not np.array_equal(further := roots[roots], roots):
                roots = further
            self._roots = roots
        return self._roots

    def joined(self, first: int, second: int) -> bool:
        """Whether both are in one set already."""
        return self._root(first) == self._root(second)

    def join(self, first: int, second: int) -> None:
        self._parent[self._root(first)] = self._root(second)
        self._roots = None

    def groups(self) -> list[tuple[int, ...]]:
        """Those sets that have more than one place."""
        by_root: dict[int, list[int]] = {}
        for place in range(len(self._parent)):
            by_root.setdefault(self._root(place), []).append(place)
        return [tuple(members) for members in by_root.values() if len(members) > 1]

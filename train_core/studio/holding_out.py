"""Pictures held aside for validation: by groups, so that no near-duplicate of a trained picture is among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from train_core.facts.seeds import seed_for


def hold_out(pictures: Mapping[int, str], groups: Sequence[Sequence[int]], count: int, seed: int) -> list[int]:
    """`count` of the pictures, given with their contents' digests, or as many as whole groups allow.

    Pictures in one of `groups` stay together. The draw follows from seed and contents alone, so that it is the same
    wherever the files lie; at least one picture is never drawn.
    """
    together = _joined(pictures, groups)
    drawn = sorted(together, key=lambda ids: seed_for(seed, 0, 0, f"hold out {min(pictures[id] for id in ids)}"))
    held: list[int] = []
    most = min(count, len(pictures) - 1)
    for ids in drawn:
        if len(held) + len(ids) <= most:
            held += ids
    return held


def _joined(pictures: Mapping[int, str], groups: Sequence[Sequence[int]]) -> list[list[int]]:
    """All pictures as sets that must not be divided; the same content always belongs together."""
    root = {id: id for id in pictures}

    def find(id: int) -> int:
        while root[id] != id:
            id = root[id]
        return id

    by_content: dict[str, list[int]] = {}
    for id, digest in pictures.items():
        by_content.setdefault(digest, []).append(id)
    for members in (*groups, *by_content.values()):
        known = [id for id in members if id in root]
        for id in known[1:]:
            root[find(id)] = find(known[0])
    sets: dict[int, list[int]] = {}
    for id in pictures:
        sets.setdefault(find(id), []).append(id)
    return list(sets.values())

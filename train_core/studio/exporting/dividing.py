"""What an export makes of which picture: to train on, to validate on, to regularise; how much each folder weighs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from train_core.config.problems import raise_if_any
from train_core.studio.exporting.concepts import concept_of
from train_core.studio.exporting.pieces import Piece, pieces
from train_core.studio.exporting.plan import Plan, name_problems
from train_core.studio.holding_out import hold_out
from train_core.studio.studio import Studio


@dataclass(frozen=True)
class Divided:
    """The pieces of an export, digests of their pictures, and which pictures are held out for validation."""

    pieces: Sequence[Piece]
    digests: Mapping[int, str]
    held: set[int]


@dataclass(frozen=True)
class Weight:
    """A folder of an export: what it is for, its name, its pictures and how often an epoch repeats them."""

    use: str
    name: str
    pictures: int
    repeats: int


def divided(studio: Studio, ids: Sequence[int], plan: Plan, groups: Sequence[Sequence[int]]) -> Divided:
    """Divide the pictures as is planned; near-duplicates, `groups`, stay together, and the same seed divides alike.

    Raises UserError for sub-folders whose names cannot be those of folders, and as `pieces` does.
    """
    if plan.by_folder and plan.whole:
        names = dict.fromkeys(concept_of(studio.facts[id].folder, plan)[0] for id in ids)
        raise_if_any([one for name in names for one in name_problems(name)])
    digests = studio.identify(ids)
    held = set(hold_out(digests, groups, plan.held_out, plan.seed)) if plan.held_out else set()
    others = {id: digest for id, digest in digests.items() if id not in held}
    regular = set(hold_out(others, groups, len(others) // 2, plan.seed)) if plan.regular_half else set()
    return Divided(pieces(studio, digests, held, plan, regular), digests, held)


def weights(parts: Sequence[Piece]) -> list[Weight]:
    """The folders of an export, in the order in which their first pictures come."""
    counts = Counter((part.use, part.name, part.repeats) for part in parts)
    return [Weight(use, name, count, repeats) for (use, name, repeats), count in counts.items()]

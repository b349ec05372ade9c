"""The pieces that pictures are exported as: the whole picture, and each of its boxes into the folder of its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import product

from train_core.config.problems import UserError, problem
from train_core.studio.boxes import Box
from train_core.studio.dataset import BoxKind
from train_core.studio.exporting.concepts import concept_of
from train_core.studio.exporting.plan import Plan, proposed_repeats
from train_core.studio.painting import MASK
from train_core.studio.studio import Studio
from train_core.studio.vision.box import overlap

TRAIN, VALIDATION, REGULARISATION = USES = ("train", "validation", "reg")
SAME = 0.9  # intersection over union from which two parts of one picture are the same picture


@dataclass(frozen=True)
class Piece:
    """A picture to write: of which picture, what for, into which folder, and the box; `whole` is the whole picture.

    `less` are the boxes that are taken out of it; `unlearnt` says whether paint leaves parts of the picture out of the
    loss.
    """

    id: int
    use: str
    name: str
    repeats: int
    box: Box
    whole: bool
    less: tuple[Box, ...] = ()
    unlearnt: bool = False

    @property
    def folder(self) -> str:
        """Its folder below that of the export."""
        return f"{self.use}/{self.repeats}_{self.name}"


def pieces(
    studio: Studio, digests: Mapping[int, str], held: set[int], plan: Plan, regular: Set[int] = frozenset()
) -> list[Piece]:
    """All pieces of these pictures; those of `held` are to validate on, `regular` ones regularise as wholes.

    Raises UserError where a picture would be trained on and regularise as well.
    """
    kinds = {kind.name.lower(): kind for kind in studio.dataset.boxes}
    found: list[Piece] = []
    for id in digests:
        if plan.whole:
            head = studio.pictures[id].header
            whole = Box("", 0, 0, head.width, head.height)
            name, repeats = concept_of(studio.facts[id].folder, plan)
            found.append(_piece(id, id in held, REGULARISATION if id in regular else TRAIN, name, repeats, whole))
        if plan.boxes and id not in regular:
            boxes = studio.boxes(id)
            for box in boxes:
                kind = kinds.get(box.name.lower(), BoxKind(box.name))
                less = tuple(one for one in boxes if box.minus and one.name == box.minus)
                found.append(_piece(id, id in held, kind.use, kind.folder or kind.name, kind.repeats, box, less))
    found = [one for one in found if one.use != REGULARISATION or one.id not in held]
    found = [replace(one, unlearnt=MASK in studio.facts[one.id].painted) for one in found]
    counts = Counter((one.use, one.name) for one in found)
    found = [
        one if one.repeats else replace(one, repeats=proposed_repeats(counts[one.use, one.name])) for one in found
    ]
    _check_apart(studio, digests, found)
    return found


def _piece(id: int, held: bool, use: str, name: str, repeats: int, box: Box, less: tuple[Box, ...] = ()) -> Piece:
    if held and use == TRAIN:
        return Piece(id, VALIDATION, name, 1, box, not box.name, less)
    return Piece(id, use, name, repeats, box, not box.name, less)


def _check_apart(studio: Studio, digests: Mapping[int, str], found: Iterable[Piece]) -> None:
    by_content: dict[str, list[Piece]] = {}
    for piece in found:
        by_content.setdefault(digests[piece.id], []).append(piece)
    for same in by_content.values():
        regular = [one for one in same if one.use == REGULARISATION]
        trained = [one for one in same if one.use != REGULARISATION]
        for one, other in product(regular, trained):
            if _areas(one.less) == _areas(other.less) and overlap(one.box.rectangle, other.box.rectangle) >= SAME:
                raise UserError(
                    problem(
                        "export_both",
                        "{picture} would be trained on in {train} and be a regularisation picture in {reg}, which must "
                        "not be the same. Take one of the two boxes away, or reject the picture.",
                        picture=studio.pictures[one.id].path.name, train=other.folder, reg=one.folder,
                    )
                )


def _areas(boxes: Sequence[Box]) -> set[tuple[int, int, int, int]]:
    return {(one.left, one.top, one.right, one.bottom) for one in boxes}

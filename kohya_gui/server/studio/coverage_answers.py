"""What the Data tab's route answers of coverage: statements about what a dataset shows, with their pictures."""

from __future__ import annotations

from collections.abc import Iterable

from kohya_gui.server.studio.asked import Asked, Finds, Found
from kohya_gui.views.studio.coverage_words import part_text, statement_text
from train_core.studio.captions import all_tags
from train_core.studio.decisions import REJECT
from train_core.studio.query import Facts
from train_core.studio.words.coverage import Shown, coverage


class CoverageAnswers:
    """What the route answers; everything that comes in may be anything. `listing` finds the dataset asked about."""

    def __init__(self, listing: Finds) -> None:
        self._listing = listing

    def coverage(self, asked: Asked, language: str) -> Found:
        """What there is to say of the pictures that a filter shows and that are not rejected."""
        listing = self._listing(asked)
        given = asked.get("filter")
        listing.take_measures()
        listing.alike()
        ids = listing.order(given if isinstance(given, str) else "")
        facts = {id: one for id in ids if (one := listing.studio.facts.get(id)) is not None and one.mark != REJECT}
        found = coverage(
            {id: _shown(one) for id, one in facts.items()},
            {shot.name: shot.target for shot in listing.studio.dataset.shots},
        )
        return {
            "of": len(facts),
            "statements": [
                {
                    "kind": one.kind, "words": statement_text(one, language), "pictures": one.pictures,
                    "others": _others(facts, one.pictures) if one.kind == "most" else [],
                    "parts": [[part_text(one, name, language), its] for name, its in one.parts],
                }
                for one in found
            ],
        }  # fmt: skip


def _shown(facts: Facts) -> Shown:
    tags = tuple(tag.lower() for tag in all_tags(facts.caption))
    return Shown(tags, facts.shot, facts.folder, bool(facts.group))


def _others(facts: Iterable[int], pictures: Iterable[int]) -> list[int]:
    """The pictures that are not among these, in their order."""
    those = set(pictures)
    return [id for id in facts if id not in those]

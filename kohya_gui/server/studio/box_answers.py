"""What the Data tab's routes answer of boxes: those of a picture, other ones for it, and the kinds there are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from kohya_gui.server.studio.asked import Asked, Changed, Finds, Found, picture_in
from train_core.studio.dataset import box_kinds
from train_core.studio.listing import Listing
from train_core.studio.opened import Outcome
from train_core.studio.proposing import proposed
from train_core.studio.vision.found import look


class BoxAnswers:
    """What the routes answer; everything that comes in may be anything."""

    def __init__(self, listing: Finds, changed: Changed) -> None:
        self._listing = listing
        self._changed = changed

    def boxes(self, asked: Asked, _language: str) -> Found:
        """The boxes of a picture, in pixels of the upright picture."""
        listing = self._listing(asked)
        return _boxes(listing, picture_in(asked, listing))

    def put_boxes(self, asked: Asked, language: str) -> Found:
        """Give a picture other boxes; they come back as they lie now, within the picture."""
        listing = self._listing(asked)
        id = picture_in(asked, listing)
        outcome = listing.studio.put_boxes(id, asked.get("boxes"))
        return {**self._changed(listing, outcome, language), **_boxes(listing, id)}

    def propose(self, asked: Asked, language: str) -> Found:
        """Give a picture the boxes that are proposed for it, besides those that it has; `proposed` counts them."""
        listing = self._listing(asked)
        id, studio = picture_in(asked, listing), listing.studio
        picture, there = studio.pictures[id], studio.boxes(id)
        snap = asked.get("snap")
        size = (picture.header.width, picture.header.height)
        rows = proposed(look(picture.path), size, snap if isinstance(snap, str) else "", there)
        outcome = studio.put_boxes(id, [*map(asdict, there), *rows]) if rows else Outcome()
        return {**self._changed(listing, outcome, language), **_boxes(listing, id), "proposed": len(rows)}

    def box_kinds(self, asked: Asked, _language: str) -> Found:
        """Have other kinds of boxes."""
        listing = self._listing(asked)
        listing.studio.set_box_kinds(box_kinds(asked.get("kinds")))
        return {"kinds": kinds(listing)}


def kinds(listing: Listing) -> list[dict[str, Any]]:
    """The kinds of boxes of a dataset."""
    return [asdict(kind) for kind in listing.studio.dataset.boxes]


def _boxes(listing: Listing, id: int) -> Found:
    return {"boxes": [asdict(box) for box in listing.studio.boxes(id)]}

"""What the Data tab's routes answer of what is painted on pictures: that of a picture, and something else for it."""

from __future__ import annotations

from dataclasses import asdict

from PIL import Image

from kohya_gui.server.studio.asked import Asked, Changed, Finds, Found, picture_in
from train_core.facts.models.thumbnails import whole_picture
from train_core.studio.listing import Listing
from train_core.studio.painting import FILL, INPAINT, layers, upright_strokes
from train_core.studio.pixels.unpainting import without_paint


class PaintAnswers:
    """What the routes answer; everything that comes in may be anything."""

    def __init__(self, listing: Finds, changed: Changed) -> None:
        self._listing = listing
        self._changed = changed

    def painted(self, asked: Asked, _language: str) -> Found:
        """What is painted on a picture, in pixels of the upright picture."""
        listing = self._listing(asked)
        return _strokes(listing, picture_in(asked, listing))

    def paint(self, asked: Asked, language: str) -> Found:
        """Have something else painted on a picture; it comes back as it is kept."""
        listing = self._listing(asked)
        id = picture_in(asked, listing)
        outcome = listing.studio.paint(id, asked.get("strokes"))
        return {**self._changed(listing, outcome, language), **_strokes(listing, id)}

    def erased(self, asked: Asked) -> Image.Image:
        """A picture as an export would erase it. Raises UserError, and whatever Pillow raises for what is none."""
        listing = self._listing(asked)
        id = picture_in(asked, listing)
        found = listing.studio.painted(id)
        picture = whole_picture(listing.studio.pictures[id].path)
        return without_paint(picture, layers(*found), (FILL, INPAINT)) if found is not None else picture


def _strokes(listing: Listing, id: int) -> Found:
    found = listing.studio.painted(id)
    return {"strokes": [asdict(one) for one in upright_strokes(*found)] if found is not None else []}

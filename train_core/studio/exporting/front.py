"""How many tags stand in front of every caption of an export: those that stay there when tags are shuffled."""

from __future__ import annotations

from collections.abc import Sequence

from train_core.facts.captions.lint import opening
from train_core.studio.captions import tags_of
from train_core.studio.exporting.pieces import TRAIN, Piece
from train_core.studio.studio import Studio


def shared_front(studio: Studio, parts: Sequence[Piece]) -> int:
    """The number of tags that open all captions to train on; 0 where there are none, or all captions are the same."""
    texts = [part.box.caption or studio.facts[part.id].caption for part in parts if part.use == TRAIN]
    return opening([tags_of(text.split("\n")[0]) for text in texts if text.strip()]) or 0

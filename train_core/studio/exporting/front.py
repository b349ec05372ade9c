"""How many tags stand in front of every caption of an export: those that stay there when tags are shuffled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from train_core.facts.captions.lint import opening
from train_core.studio.captions import tags_of
from train_core.studio.exporting.pieces import TRAIN, Piece
from train_core.studio.studio import Studio


def training_texts(studio: Studio, parts: Iterable[Piece]) -> list[str]:
    """The captions that are trained on, as people edit them; those that say nothing are left out."""
    texts = [part.box.caption or studio.facts[part.id].caption for part in parts if part.use == TRAIN]
    return [text for text in texts if text.strip()]


def shared_front(texts: Sequence[str]) -> int:
    """The number of tags that open all captions; 0 where there are none, or all captions are the same."""
    return opening([tags_of(text.split("\n")[0]) for text in texts]) or 0

"""Text encoder outputs made once: of every caption that a draw can give, found again by the text itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from train_core.config import places
from train_core.data.cache import Progress
from train_core.data.library import Library
from train_core.data.processes import own_share
from train_core.data.stores import DiskStore, MemoryStore, Store, Tensors
from train_core.facts.images.caption_draws import caption_rules, every_caption

_FORMAT = 1  # counts up when the file's content changes


@dataclass(frozen=True)
class TextEncoder:
    """The text encoders as the cache sees them.

    `fingerprint` changes with their weights, number formats and all that decides how a text is read. `encode` gives the
    named outputs, each (1, …), of one text.
    """

    fingerprint: str
    encode: Callable[[str], dict[str, Tensor]]


class TextCache:
    """Outputs of `captions`. A key is made of the text and of what encodes it, so an edit is always noticed.

    `to_disk` keeps them for later runs, in the program's caches, never beside the images.
    """

    def __init__(self, captions: Iterable[str], fingerprint: str, to_disk: bool) -> None:
        self.store: Store = DiskStore(places.caches_dir() / "texts") if to_disk else MemoryStore()
        self.keys = {caption: _key(caption, fingerprint) for caption in captions}

    def __contains__(self, caption: str) -> bool:
        return caption in self.keys

    def of(self, caption: str) -> dict[str, Tensor]:
        """The outputs, each (1, …) on the CPU in the encoders' number format, of one of the captions."""
        return self.store.get(self.keys[caption])

    def broken_files(self, captions: Iterable[str]) -> set[Path]:
        """The files whose outputs, of some of `captions`, are not all numbers; none for those in memory."""
        if not isinstance(self.store, DiskStore):
            return set()
        return set(self.store.broken(self.keys[caption] for caption in captions if caption in self))

    def fill(self, encoder: TextEncoder, progress: Progress) -> None:
        """Encode what is missing; several processes share the work. `progress(done, total)` counts this one's share."""
        missing = [caption for caption in own_share(sorted(self.keys)) if self.store.lacks(self.keys[caption])]
        for done, caption in enumerate(missing, start=1):
            self.store.put(self.keys[caption], _alone(encoder.encode(caption)))
            progress(done, len(missing))
        self.store.share()


def captions_of(libraries: Iterable[Library]) -> list[str]:
    """Every caption that a draw of an image of `libraries` can give, sorted."""
    found: set[str] = set()
    for library in libraries:
        for entry in library.entries:
            found |= every_caption(entry.caption, caption_rules(entry.settings.captions))
    return sorted(found)


def _key(caption: str, fingerprint: str) -> str:
    return hashlib.blake2b(json.dumps([_FORMAT, caption, fingerprint]).encode(), digest_size=20).hexdigest()


def _alone(outputs: dict[str, Tensor]) -> Tensors:
    """The outputs on the CPU, none of which shares memory with another."""
    return {name: output.detach().cpu().clone() for name, output in outputs.items()}

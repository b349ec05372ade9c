"""Latents made once: encoded before training, found again by what they were made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from train_core.config import places
from train_core.config.problems import Problem, UserError, raise_if_any
from train_core.data.augment import Draw
from train_core.data.encoder import Encoder
from train_core.data.encoding import Picture, encode_all
from train_core.data.library import Entry, Library
from train_core.data.moments import Moments
from train_core.data.processes import gather, own_share
from train_core.data.stores import DiskStore, MemoryStore, Store
from train_core.facts.images.image_files import content_hashes

Progress = Callable[[int, int], None]
_FORMAT = 1  # counts up when decoding, scaling or the file's content change


class LatentCache:
    """Moments of every image of a library, plain and, with `flip_aug`, mirrored too.

    A key is made of the image's bytes, its scaling, crop and bucket, the VAE and the mirroring, so whatever is changed
    is encoded anew; masks are kept elsewhere. `to_disk` keeps the latents for later runs, in the program's caches,
    never beside the images.
    """

    def __init__(self, library: Library, fingerprint: str, to_disk: bool) -> None:
        hashes = content_hashes([entry.path for entry in library.entries])
        self.store: Store = DiskStore(places.caches_dir() / "latents") if to_disk else MemoryStore()
        self.keys: dict[tuple[int, bool], str] = {}
        self.pictures: dict[str, Picture] = {}
        for index, entry in enumerate(library.entries):
            for flipped in (False, True) if entry.settings.augmentation.flip_aug else (False,):
                key = _key(entry, hashes[entry.path], fingerprint, flipped)
                self.keys[index, flipped] = key
                self.pictures[key] = Picture(key, entry, Draw(index, entry.fit, flipped))

    @property
    def in_memory(self) -> bool:
        return isinstance(self.store, MemoryStore)

    def moments(self, entry: int, flipped: bool) -> Moments:
        """The moments (C, h, w), fp32 on the CPU, of the image with index `entry`."""
        kept = self.store.get(self.keys[entry, flipped])
        return Moments(kept["mean"], kept["logvar"])

    def broken_files(self, entry: int) -> list[Path]:
        """The files whose latents, of the image with index `entry`, are not all numbers; none for those in memory."""
        if not isinstance(self.store, DiskStore):
            return []
        return self.store.broken(key for (index, _), key in self.keys.items() if index == entry)

    def fill(self, encoder: Encoder, batch_size: int, progress: Progress) -> set[Path]:
        """Encode what is missing; several processes share the work, and each returns when all are done.

        `progress(done, total)` counts this process's share. Returns the images that half precision could not hold, and
        raises UserError as `encode_all` does: in every process for all, since only the main one speaks to the user.
        """
        missing = [key for key in own_share(sorted(self.pictures)) if self.store.lacks(key)]
        problems: tuple[Problem, ...] = ()
        rescued: set[Path] = set()
        try:
            pictures = [self.pictures[key] for key in missing]
            for done, (key, moments) in enumerate(encode_all(pictures, encoder, batch_size), start=1):
                self.store.put(key, {"mean": moments.mean, "logvar": moments.logvar})
                if moments.rescued:
                    rescued.add(self.pictures[key].entry.path)
                progress(done, len(missing))
        except UserError as error:
            problems = error.problems
        raise_if_any(found for everyones in gather(problems) for found in everyones)
        self.store.share()
        return set().union(*gather(rescued))


def _key(entry: Entry, content: str, fingerprint: str, flipped: bool) -> str:
    fit = entry.fit
    interpolation = entry.settings.augmentation.resize_interpolation
    made_from = [_FORMAT, content, fit.resized, fit.crop, fit.bucket, interpolation, fingerprint, flipped]
    return hashlib.blake2b(json.dumps(made_from).encode(), digest_size=20).hexdigest()

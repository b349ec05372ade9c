"""Cropped copies: pictures that are a part of another one, found from their hashes and colours alone.

From the 16 x 16 colours of a picture follows roughly the perceptual hash that each part of it would have. A picture
whose own hash and colours are those of a part is taken for a copy of that part, also when it is mirrored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train_core.facts.file_cache import recall, revise, shared_database
from train_core.studio.measures import COLOURS, HASH_SIDE, SHRUNK, Measures, cosines

KIND = "studio-crop-2"  # of fact in the cache of files
SCALES, PLACES = (1.0, 0.92, 0.84, 0.76, 0.68, 0.6), (0.0, 0.25, 0.5, 0.75, 1.0)
MOST_BITS, MOST_COLOUR = 12, 20  # of 64 bits, of 255
ROUGH = 4  # parts of a side whose colours are compared
MOST_PICTURES = 10_000  # beyond that it would take minutes
GREY = np.array([0.299, 0.587, 0.114])  # as Pillow weighs red, green, blue

Floats = NDArray[np.floating[Any]]


def cropped(pictures: Sequence[Measures], sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs of places (whole, part) of pictures of which one is a part of the other; none of very many pictures.

    `sizes` are widths and heights in pixels: a part has not more of either, and fewer of one.
    """
    if len(pictures) > MOST_PICTURES or len(pictures) < 2:
        return []
    colours = np.array([np.frombuffer(one.colours, dtype=np.uint8) for one in pictures], dtype=np.float32)
    colours = colours.reshape(-1, COLOURS, COLOURS, 3)
    own = _rough(colours)
    ways = (
        (np.array([one.hash for one in pictures], dtype=np.uint64), own),
        (np.array([one.mirrored for one in pictures], dtype=np.uint64), own[:, :, ::-1]),
    )
    means, area = own.mean(axis=(1, 2)), np.array(sizes)
    found = []
    for whole in range(len(pictures)):
        hashes, parts = _parts(colours[whole])
        shades = parts.mean(axis=(1, 2))
        near = ((means >= shades.min(axis=0) - MOST_COLOUR) & (means <= shades.max(axis=0) + MOST_COLOUR)).all(axis=1)
        smaller = (area <= area[whole]).all(axis=1) & (area < area[whole]).any(axis=1)
        candidates = np.flatnonzero(near & smaller)
        matched: set[int] = set()
        for theirs, rough in ways:
            close = np.bitwise_count(hashes[:, None] ^ theirs[None, candidates]) <= MOST_BITS
            for part, place in zip(*np.nonzero(close), strict=True):
                other = int(candidates[place])
                if other not in matched and np.abs(parts[part] - rough[other]).mean() <= MOST_COLOUR:
                    matched.add(other)
        found += [(whole, other) for other in sorted(matched)]
    return found


def _parts(colours: Floats) -> tuple[NDArray[np.uint64], Floats]:
    """The hash of every part of a picture, and its colours (parts, 4, 4, 3)."""
    frequencies, averages, pairs = _windows()
    down, across = pairs.T
    grey = colours @ GREY
    lowest = np.einsum("pab,pcb->pac", (frequencies @ grey)[down], frequencies[across]).reshape(len(pairs), -1)
    bits = lowest > np.median(lowest, axis=1, keepdims=True)
    hashes = np.packbits(bits, axis=1).view(">u8").astype(np.uint64).ravel()
    rows = np.einsum("wan,nmc->wamc", averages, colours)
    return hashes, np.einsum("pamc,pbm->pabc", rows[down], averages[across])


def _rough(colours: Floats) -> Floats:
    """Colours of 4 x 4 parts of pictures (count, 16, 16, 3)."""
    step = COLOURS // ROUGH
    return colours.reshape(-1, ROUGH, step, ROUGH, step, 3).mean(axis=(2, 4))


@cache
def _windows() -> tuple[Floats, Floats, NDArray[np.intp]]:
    """What makes parts of 16 colours in a row, and which two belong together down and across.

    Matrices (windows, 8, 16) for the lowest frequencies, and (windows, 4, 16) for colours. A part is as much smaller on
    both sides, or whole on one.
    """
    spans = [(1.0, 0.0)] + [(scale, (1 - scale) * place) for scale in SCALES[1:] for place in PLACES]
    lowest = cosines()[:HASH_SIDE]
    frequencies = np.array([lowest @ _averages(start, scale, SHRUNK) for scale, start in spans])
    averages = np.array([_averages(start, scale, ROUGH) for scale, start in spans])
    pairs = [
        (down, across) for down, (one, _) in enumerate(spans) for across, (other, _) in enumerate(spans)
        if (one == other or 1.0 in (one, other)) and (down or across)
    ]  # fmt: skip
    return frequencies, averages, np.array(pairs)


def _averages(start: float, length: float, count: int) -> Floats:
    """The matrix (count, 16) of means over `count` equal parts of a stretch of the unit line, from 16 values on it."""
    edges = (start + length * np.arange(count + 1) / count) * COLOURS
    cells = np.arange(COLOURS)
    shared = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.clip(shared, 0, None) / (edges[1] - edges[0])  # type: ignore[no-any-return]


# What was found, kept by the part's file


def keep(parts: Mapping[Path, Sequence[str]], digests: Iterable[str]) -> None:
    """Keep of which pictures, by the digests of their contents, each of these is a part.

    `digests` are those of all contents that were compared with each other.
    """
    together = hashlib.blake2b("".join(sorted(digests)).encode(), digest_size=8).hexdigest()
    said = {path: json.dumps([together, *wholes]) for path, wholes in parts.items()}
    revise(list(parts), KIND, lambda path, now: said[path] if now != said[path] else None, shared_database())


def known(paths: Sequence[Path]) -> dict[Path, list[str]]:
    """Of which pictures each of those that were compared is a part, by the digests of their contents."""
    return {path: wholes for path, (_, *wholes) in _known(paths).items()}


def known_together(paths: Sequence[Path]) -> dict[Path, list[str]] | None:
    """The same if all of these were compared with each other; None where some may be parts of others all the same."""
    found = _known(paths)
    if len(found) < len(paths) or len({together for together, *_ in found.values()}) > 1:
        return None
    return {path: wholes for path, (_, *wholes) in found.items()}


def _known(paths: Sequence[Path]) -> dict[Path, list[str]]:
    return {path: json.loads(text) for path, text in recall(paths, KIND, lambda _: None, shared_database()).items()}

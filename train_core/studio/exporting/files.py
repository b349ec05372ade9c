"""The files of an export: pictures, captions and masks, with what each was made from."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from train_core.config.problems import Problem
from train_core.facts.images.image_files import IMAGE_ENDINGS
from train_core.facts.models.thumbnails import whole_picture
from train_core.studio import captions
from train_core.studio.boxes import Box
from train_core.studio.exporting.pieces import TRAIN, Piece
from train_core.studio.exporting.writing import File, free_name, not_readable
from train_core.studio.studio import Studio

MASKS = "masks"


def files(
    studio: Studio, digests: Mapping[int, str], pieces: Sequence[Piece], left: list[Problem]
) -> Iterator[File]:
    """Every picture, caption and mask, under names that no two pictures share. What cannot be read goes to `left`."""
    taken: set[str] = set()
    masked = any(has_mask(piece) for piece in pieces)
    for id, its in groupby(pieces, lambda piece: piece.id):
        path, digest = studio.pictures[id].path, digests[id]
        caption = captions.read(captions.caption_file(path))
        if caption.problem is not None:
            left.append(caption.problem)
        try:
            for piece, content, ending, operations in _contents(path, list(its)):
                stem = free_name(path.stem if piece.whole else f"{path.stem}_{piece.box.name}", taken)
                file = File(f"{piece.folder}/{stem}{ending}", content, path, digest, operations, piece.use)
                yield file
                yield from _caption(file, piece, caption, captions.caption_file(path))
                if masked and piece.use == TRAIN:
                    folder = piece.folder.removeprefix(f"{TRAIN}/")
                    drawn = png(_mask(piece))
                    yield replace(file, place=f"{MASKS}/{folder}/{stem}.png", content=drawn, use="")
        except Exception as error:  # Pillow's decoders raise whatever they like on broken files
            left.append(not_readable(path, error))


def has_mask(piece: Piece) -> bool:
    """Whether a mask leaves parts of the piece out of the loss. Regularisation pictures are filled instead."""
    return piece.use == TRAIN and bool(piece.less) and piece.box.how == "mask"


def _caption(file: File, piece: Piece, caption: captions.CaptionText, source: Path) -> Iterator[File]:
    text = piece.box.caption or caption.whole
    if text is not None and (piece.box.caption or caption.problem is None):
        place = file.place[: file.place.rindex(".")] + ".txt"
        yield File(place, text.encode(), source, file.digest)


def _contents(path: Path, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, bytes, str, tuple[str, ...]]]:
    """For each piece its bytes, the name's ending, and what was done; what cannot be trained on becomes PNG."""
    decoded: Image.Image | None = None
    for piece in pieces:
        ending = path.suffix.lower()
        if piece.whole and ending in IMAGE_ENDINGS:
            yield piece, path.read_bytes(), ending, ()
            continue
        decoded = decoded or whole_picture(path)
        if piece.whole:
            yield piece, png(decoded), ".png", ("png",)
            continue
        box = piece.box
        cut = decoded.crop((box.left, box.top, box.right, box.bottom))
        done = [f"box {box.left},{box.top},{box.right},{box.bottom}"]
        if piece.less and not has_mask(piece):
            cut = _filled(cut, _within(piece))
            done += [f"fill {one.left},{one.top},{one.right},{one.bottom}" for one in piece.less]
        yield piece, png(cut), ".png", tuple(done)


def _within(piece: Piece) -> list[tuple[slice, slice]]:
    """The areas that are taken out of a piece, in its own pixels as rows and columns."""
    box, (width, height) = piece.box, piece.box.size

    def area(one: Box) -> tuple[slice, slice]:
        across = slice(max(0, one.left - box.left), min(width, max(0, one.right - box.left)))
        down = slice(max(0, one.top - box.top), min(height, max(0, one.bottom - box.top)))
        return down, across

    return [area(one) for one in piece.less]


def _filled(picture: Image.Image, areas: Sequence[tuple[slice, slice]]) -> Image.Image:
    """The picture with these areas in the mean colour of all that is around them."""
    pixels = np.array(picture)
    around = np.ones(pixels.shape[:2], dtype=bool)
    for area in areas:
        around[area] = False
    colour = pixels[around].mean(axis=0).round() if around.any() else np.full(3, 255)
    pixels[~around] = colour.astype(np.uint8)
    return Image.fromarray(pixels)


def _mask(piece: Piece) -> Image.Image:
    """The mask of a piece: white where is learnt, black where not."""
    width, height = piece.box.size
    mask = np.full((height, width), 255, dtype=np.uint8)
    for area in _within(piece) if has_mask(piece) else ():
        mask[area] = 0
    return Image.fromarray(mask)


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG file."""
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()

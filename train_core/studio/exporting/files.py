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
from train_core.studio.exporting.wording import Wording, worded
from train_core.studio.exporting.writing import File, free_name, not_readable
from train_core.studio.painting import FILL, INPAINT, MASK, Layers, layers
from train_core.studio.pixels.filling import filled
from train_core.studio.pixels.unpainting import without_paint
from train_core.studio.studio import Studio

MASKS = "masks"


def files(
    studio: Studio, digests: Mapping[int, str], pieces: Sequence[Piece], left: list[Problem],
    wording: Wording = "whole",
) -> Iterator[File]:
    """Every picture, caption and mask, under names that no two pictures share. What cannot be read goes to `left`."""
    taken: set[str] = set()
    masked = any(has_mask(piece) for piece in pieces)
    pictures = studio.pictures  # as they are now, whoever looks at the folders meanwhile
    for id, group in groupby(pieces, lambda piece: piece.id):
        its = list(group)
        path, digest = pictures[id].path, digests[id]
        caption = captions.read(captions.caption_file(path))
        if caption.problem is not None and not all(piece.box.caption for piece in its):
            left.append(caption.problem)
        try:
            painted = studio.painted(id)
            paint = layers(*painted) if painted is not None else None
            for piece, content, ending, operations in _contents(path, its, paint):
                stem = free_name(path.stem if piece.whole else f"{path.stem}_{piece.box.name}", taken)
                file = File(f"{piece.folder}/{stem}{ending}", content, path, digest, operations, piece.use)
                yield file
                yield from _caption(file, piece, caption, captions.caption_file(path), wording)
                if masked and piece.use == TRAIN:
                    folder = piece.folder.removeprefix(f"{TRAIN}/")
                    drawn = png(_mask(piece, paint))
                    yield replace(file, place=f"{MASKS}/{folder}/{stem}.png", content=drawn, use="")
        except Exception as error:  # Pillow's decoders raise whatever they like on broken files
            left.append(not_readable(path, error))


def has_mask(piece: Piece) -> bool:
    """Whether a mask leaves parts of the piece out of the loss. Regularisation pictures are filled instead."""
    return _masks_boxes(piece) or (piece.use == TRAIN and piece.unlearnt)


def _masks_boxes(piece: Piece) -> bool:
    return piece.use == TRAIN and bool(piece.less) and piece.box.how == "mask"


def _caption(
    file: File, piece: Piece, caption: captions.CaptionText, source: Path, wording: Wording
) -> Iterator[File]:
    text = piece.box.caption or caption.whole
    if text is not None and wording not in ("whole", "lines"):
        text = worded(captions.shown(text), wording) + "\n"
    if text is not None and (piece.box.caption or caption.problem is None):
        place = file.place[: file.place.rindex(".")] + ".txt"
        yield File(place, text.encode(), source, file.digest)


def _contents(
    path: Path, pieces: Sequence[Piece], paint: Layers | None
) -> Iterator[tuple[Piece, bytes, str, tuple[str, ...]]]:
    """For each piece its bytes, the name's ending, and what was done; what cannot be trained on becomes PNG."""
    pictures = _Pictures(path, paint)
    for piece in pieces:
        ending, erased = path.suffix.lower(), pictures.erased_for(piece)
        if piece.whole and ending in IMAGE_ENDINGS and not erased:
            yield piece, path.read_bytes(), ending, ()
            continue
        picture = pictures.of(piece)
        if piece.whole:
            yield piece, png(picture), ".png", ("erase", *erased) if erased else ("png",)
            continue
        box = piece.box
        cut = picture.crop((box.left, box.top, box.right, box.bottom))
        done = [f"box {box.left},{box.top},{box.right},{box.bottom}", *erased]
        if piece.less and not _masks_boxes(piece):
            cut = _filled(cut, _within(piece))
            done += [f"fill {one.left},{one.top},{one.right},{one.bottom}" for one in piece.less]
        yield piece, png(cut), ".png", tuple(done)


class _Pictures:
    """A picture, upright, decoded once, and as it is without what was painted on it to be erased."""

    def __init__(self, path: Path, paint: Layers | None) -> None:
        self._path = path
        self._paint = paint
        self._known: dict[tuple[str, ...], Image.Image] = {}

    def erased_for(self, piece: Piece) -> tuple[str, ...]:
        """The kinds of paint that change the pixels of a piece: what no mask leaves out is filled instead."""
        if self._paint is None:
            return ()
        areas = {FILL: self._paint.fill, INPAINT: self._paint.inpaint, MASK: self._paint.mask}
        return tuple(kind for kind, area in areas.items() if area.any() and (kind != MASK or piece.use != TRAIN))

    def of(self, piece: Piece) -> Image.Image:
        """The picture that a piece is cut from."""
        erased = self.erased_for(piece)
        if () not in self._known:
            self._known[()] = whole_picture(self._path)
        if erased not in self._known:
            assert self._paint is not None
            self._known[erased] = without_paint(self._known[()], self._paint, erased)
        return self._known[erased]


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
    pixels = np.asarray(picture)
    where = np.zeros(pixels.shape[:2], dtype=bool)
    for area in areas:
        where[area] = True
    return Image.fromarray(filled(pixels, where))


def _mask(piece: Piece, paint: Layers | None) -> Image.Image:
    """The mask of a piece: white where is learnt, black where not."""
    box, (width, height) = piece.box, piece.box.size
    mask = np.full((height, width), 255, dtype=np.uint8)
    for area in _within(piece) if _masks_boxes(piece) else ():
        mask[area] = 0
    if paint is not None:
        mask[paint.mask[box.top : box.bottom, box.left : box.right]] = 0
    return Image.fromarray(mask)


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG file."""
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()

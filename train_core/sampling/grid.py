"""Contact sheets: rows of pictures with captions, to compare them at a glance."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

GAP = 8
FONT_SIZE = 16
MAX_CELL = 512
INK, PAPER = "black", "white"


def contact_sheet(rows: Sequence[tuple[str, Sequence[Path]]], path: Path) -> Path:
    """Write a PNG to `path` with each row's caption above its pictures, whole or not at all; returns `path`.

    Pictures keep their shape and stand in a column each; those larger than 512 px are made smaller.
    Raises ValueError when there is no picture at all.
    """
    pictures = [(caption, [_thumbnail(file) for file in files]) for caption, files in rows]
    sizes = [picture.size for _, row in pictures for picture in row]
    if not sizes:
        raise ValueError("a contact sheet needs at least one picture")
    cell = (max(w for w, _ in sizes), max(h for _, h in sizes))
    sheet = _assemble(pictures, cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    sheet.save(temporary, "PNG")
    temporary.replace(path)
    return path


def _thumbnail(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        small = picture.convert("RGB")
    small.thumbnail((MAX_CELL, MAX_CELL))
    return small


def _assemble(pictures: Sequence[tuple[str, Sequence[Image.Image]]], cell: tuple[int, int]) -> Image.Image:
    """One sheet of captioned rows, each picture in a cell of `cell` (width, height) pixels."""
    font = ImageFont.load_default(FONT_SIZE)
    columns = max(len(row) for _, row in pictures)
    caption_width = max(int(font.getlength(caption)) for caption, _ in pictures)
    band = FONT_SIZE + GAP  # a caption and the space below it
    row_height = band + cell[1] + GAP
    width = max(columns * (cell[0] + GAP), caption_width + GAP) + GAP
    sheet = Image.new("RGB", (width, len(pictures) * row_height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (caption, row) in enumerate(pictures):
        top = GAP + number * row_height
        draw.text((GAP, top), caption, INK, font)
        for column, picture in enumerate(row):
            sheet.paste(picture, (GAP + column * (cell[0] + GAP), top + band))
    return sheet

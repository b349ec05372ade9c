"""One picture with a run's samples: a row for each prompt, a column for each moment of the training."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from kohya_gui.runs.follow import Sample
from train_core.config.whole_files import write_whole

MARGIN, TITLE_HEIGHT, CAPTION_WIDTH, CELL = 8, 28, 220, 192  # pixels
INK, PAPER = "#202020", "#ffffff"


def write_contact_sheet(samples: Sequence[Sample], path: Path) -> None:
    """Draw `samples` (at least one) as a PNG at `path`: before the training on the left, after it on the right."""
    rows = sorted({s.index for s in samples})
    columns = sorted({s.step for s in samples})
    sheet = Image.new("RGB", _size(len(rows), len(columns)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, step in enumerate(columns):
        title = _title(next(s for s in samples if s.step == step), step == columns[-1])
        draw.text((_left(column), MARGIN), title, fill=INK, font=ImageFont.load_default(14))
    for sample in samples:
        row = rows.index(sample.index)
        top = _top(row)
        if sample.step == columns[0]:
            caption = textwrap.fill(sample.prompt.split(" --")[0], 26)
            draw.multiline_text((MARGIN, top), caption, fill=INK, font=ImageFont.load_default(14))
        _paste(sheet, sample.path, (_left(columns.index(sample.step)), top))
    with write_whole(path) as temporary:
        sheet.save(temporary, format="PNG")


def _title(sample: Sample, last: bool) -> str:
    if sample.step == 0:
        return "before"
    when = f"epoch {sample.epoch}, step {sample.step}" if sample.epoch else f"step {sample.step}"
    return f"{when} (after)" if last else when


def _paste(sheet: Image.Image, path: Path, corner: tuple[int, int]) -> None:
    with Image.open(path) as picture:
        scale = CELL / max(picture.size)
        # Small pictures are enlarged in whole pixels, so that the sheet shows what was drawn.
        way = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        sheet.paste(picture.convert("RGB").resize(size, way), corner)


def _size(rows: int, columns: int) -> tuple[int, int]:
    return _left(columns), _top(rows)


def _left(column: int) -> int:
    return MARGIN + CAPTION_WIDTH + column * (CELL + MARGIN)


def _top(row: int) -> int:
    return MARGIN + TITLE_HEIGHT + row * (CELL + MARGIN)

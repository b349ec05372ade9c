"""Two axes of a grid as one labelled picture, or as several where one would be too large."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from train_core.config.whole_files import write_whole
from train_core.facts.grids.folder import GridFacts, GridFolder
from train_core.facts.images.prompts_in_pictures import quoted

MOST_PIXELS = 200_000_000  # of one file
GAP, INK, SOFT, PAPER, EMPTY = 8, "#202020", "#5b636e", "#ffffff", "#efede8"  # pixels; colours
# Fonts that have Chinese and Japanese, by the names of their files on Windows, macOS and Linux, then one without.
FONTS = (
    "msyh.ttc", "msjh.ttc", "YuGothM.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc", "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf", "SourceHanSansSC-Regular.otf", "wqy-microhei.ttc", "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf", "DejaVuSans.ttf",
)  # fmt: skip
# What A1111 calls the axes of its X/Y/Z plot.
TYPES = {
    "seed": "Seed", "steps": "Steps", "scale": "CFG Scale", "replace": "Prompt S/R", "sampler": "Sampler",
    "schedule": "Schedule type", "base": "Checkpoint name", "size": "Size", "file": "LoRA", "weight": "LoRA weight",
}  # fmt: skip
IN_EVERY_TEXT = ("seed", "steps", "scale", "sampler", "schedule", "size", "base")  # said by the picture's own text
# What Pillow raises for files that are no pictures, or too large ones.
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Slice:
    """What of a grid is shown: which axes are columns and rows, None for neither, and the value of each of the others.

    `base` says where pictures without the adapter stand: in a column or a row before the others, or nowhere.
    """

    facts: GridFacts
    across: int | None
    down: int | None
    at: tuple[int, ...]
    base: Literal["", "column", "row"] = ""

    @cached_property
    def columns(self) -> tuple[str | None, ...]:
        """The labels of the columns; None is that of those without the adapter."""
        return ((None,) if self.base == "column" else ()) + self._labels(self.across)

    @cached_property
    def rows(self) -> tuple[str | None, ...]:
        """The labels of the rows; None is that of those without the adapter."""
        return ((None,) if self.base == "row" else ()) + self._labels(self.down)

    @cached_property
    def others(self) -> list[int]:
        """The axes that are neither columns nor rows and have more than one value."""
        return [
            axis for axis, one in enumerate(self.facts.axes)
            if axis not in (self.across, self.down) and len(one.labels) > 1
        ]  # fmt: skip

    def picture(self, row: int, column: int) -> str:
        """The name of the picture in a row and a column of those that are shown."""
        without = self.rows[row] is None or self.columns[column] is None
        values = {
            self.across: max(0, column - (self.base == "column")), self.down: max(0, row - (self.base == "row")),
        }  # fmt: skip
        place = 0
        for axis, one in enumerate(self.facts.axes):
            place = place * len(one.labels) + values.get(axis, self.at[axis])
        return (self.facts.without if without else self.facts.cells)[place]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in which each of its pictures has room, in pixels."""
        shown = {self.picture(row, column) for row in range(len(self.rows)) for column in range(len(self.columns))}
        pictures = [self.facts.pictures[name] for name in shown]
        return max(one.width for one in pictures), max(one.height for one in pictures)

    def _labels(self, axis: int | None) -> tuple[str, ...]:
        return ("",) if axis is None else self.facts.axes[axis].labels


@dataclass(frozen=True)
class Words:
    """What a sheet says beside labels: what each axis is called, and pictures without the adapter."""

    axes: Sequence[str]
    without: str


def all_slices(facts: GridFacts) -> Iterator[Slice]:
    """All of a grid: the first two axes as columns and rows, and each combination of values of the others.

    Pictures without the adapter are a column before the others, unless a column shows them already.
    """
    down = 1 if len(facts.axes) > 1 else None
    for at in product(*(range(len(axis.labels)) if place > 1 else (0,) for place, axis in enumerate(facts.axes))):
        plain = Slice(facts, 0, down, at)
        columns, rows = range(len(plain.columns)), range(len(plain.rows))
        shown = any(
            all(facts.pictures[plain.picture(row, column)].compared is None for row in rows) for column in columns
        )
        yield plain if shown else replace(plain, base="column")


def write_sheets(folder: GridFolder, shown: Slice, words: Words, to: Path, most: int = MOST_PIXELS) -> list[Path]:
    """Write what is shown as PNG files into the folder `to` and return them: one, or as many as `most` pixels ask for.

    Each has the labels of its own columns and rows, and the text of A1111's grids. Raises OSError.
    """
    info = PngInfo()
    info.add_text("parameters", _text(folder, shown))
    written = []
    for number, image in enumerate(_pieces(folder, shown, words, most), 1):
        path = to / f"{folder.path.name}-{number:02d}.png"
        with write_whole(path) as temporary:
            image.save(temporary, "PNG", pnginfo=info, compress_level=4)
        written.append(path)
    return written


def _pieces(folder: GridFolder, shown: Slice, words: Words, most: int) -> Iterator[Image.Image]:
    width, height = shown.size
    font = _font(max(13, min(40, width // 18)))
    side, head, title = _side(shown, words, font, width), 3 * _line(font), _title(shown, words)
    above = head + (2 * _line(font) if title else 0)
    columns = max(1, min(len(shown.columns), (most // (above + height + GAP) - side) // (width + GAP)))
    rows = max(1, min(len(shown.rows), (most // (side + columns * (width + GAP)) - above) // (height + GAP)))
    for top in range(0, len(shown.rows), rows):
        for left in range(0, len(shown.columns), columns):
            across = range(left, min(len(shown.columns), left + columns))
            down = range(top, min(len(shown.rows), top + rows))
            image = Image.new(
                "RGB", (side + len(across) * (width + GAP), above + len(down) * (height + GAP)), PAPER
            )  # fmt: skip
            draw = ImageDraw.Draw(image)
            draw.text((GAP, GAP), title, fill=SOFT, font=font)
            for place, column in enumerate(across):
                lines = _wrapped(_label(shown.columns[column], words), font, width, 2)
                x, y = side + place * (width + GAP) + width // 2, above - GAP // 2
                draw.multiline_text((x, y), lines, fill=INK, font=font, anchor="md", align="center")
            for line, row in enumerate(down):
                y = above + line * (height + GAP)
                lines = _wrapped(_label(shown.rows[row], words), font, side - 2 * GAP, max(1, height // _line(font)))
                draw.multiline_text((GAP, y + height // 2), lines, fill=INK, font=font, anchor="lm")
                for place, column in enumerate(across):
                    corner = (side + place * (width + GAP), y)
                    _paste(image, folder.picture(shown.picture(row, column)), (*corner, width, height))
            yield image


def _paste(sheet: Image.Image, path: Path, box: tuple[int, int, int, int]) -> None:
    """Put a picture into the middle of a box; one that is not drawn, or cannot be read, leaves it empty."""
    left, top, width, height = box
    try:
        with Image.open(path) as picture:
            drawn = picture.convert("RGB")
    except UNREADABLE:
        sheet.paste(EMPTY, (left, top, left + width, top + height))
        return
    drawn.thumbnail((width, height))
    sheet.paste(drawn, (left + (width - drawn.width) // 2, top + (height - drawn.height) // 2))


def _font(size: int) -> Font:
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _line(font: Font) -> int:
    """Height of a line of text, in pixels."""
    return math.ceil(1.25 * (font.getbbox("Ágy字")[3] - min(0, font.getbbox("Ágy字")[1])))


def _side(shown: Slice, words: Words, font: Font, width: int) -> int:
    """Width of the column of labels, which is at most as wide as a picture."""
    longest = max(font.getlength(_label(label, words)) for label in shown.rows)
    return GAP + (min(width, math.ceil(longest)) + GAP if longest else 0)


def _label(label: str | None, words: Words) -> str:
    return words.without if label is None else " ".join(label.split())


def _title(shown: Slice, words: Words) -> str:
    """What is the same in all that is shown."""
    return " · ".join(f"{words.axes[axis]}: {shown.facts.axes[axis].labels[shown.at[axis]]}" for axis in shown.others)


def _wrapped(text: str, font: Font, width: int, most: int) -> str:
    """`text` in at most so many lines of that width, broken at blanks where there are any; cut short with dots."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most:
        end = next((count for count in range(len(rest), 1, -1) if font.getlength(rest[:count]) <= width), 1)
        if end < len(rest) and len(lines) < most - 1:
            blank = rest.rfind(" ", 1, end + 1)
            end = blank if blank > 0 else end
        lines.append(rest[:end].strip())
        rest = rest[end:].strip()
    if rest:
        lines[-1] = f"{lines[-1][:-1]}…"
    return "\n".join(lines)


def _text(folder: GridFolder, shown: Slice) -> str:
    """The text of A1111's grids: that of the first picture that is there, and what the axes are."""
    names = (shown.picture(row, column) for row in range(len(shown.rows)) for column in range(len(shown.columns)))
    first = next((text for name in names if (text := _own_text(folder.picture(name)))), "")
    facts = {"Script": "X/Y/Z plot"}
    for letter, axis in (("X", shown.across), ("Y", shown.down)):
        if axis is not None:
            facts |= {f"{letter} Type": _type(shown, axis), f"{letter} Values": _row(shown.facts.axes[axis].labels)}
    for axis in shown.others:
        if shown.facts.axes[axis].kind not in IN_EVERY_TEXT:
            facts[_type(shown, axis)] = shown.facts.axes[axis].labels[shown.at[axis]]
    said = ", ".join(f"{name}: {quoted(value)}" for name, value in facts.items())
    return f"{first}, {said}" if first else said


def _type(shown: Slice, axis: int) -> str:
    kind = shown.facts.axes[axis].kind
    return TYPES.get(kind, kind.capitalize())


def _own_text(path: Path) -> str:
    try:
        with Image.open(path) as picture:
            text = picture.info.get("parameters")
    except UNREADABLE:
        return ""
    return text if isinstance(text, str) else ""


def _row(values: Sequence[str]) -> str:
    """Values as one row of CSV, as A1111's fields have them."""
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(values)
    return row.getvalue()

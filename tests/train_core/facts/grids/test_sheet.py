"""A grid as a picture with labels: what stands where, pieces of one that is too large, and A1111's text."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from tests.grids import grid_folder
from train_core.facts.grids.folder import GridFolder
from train_core.facts.grids.sheet import GAP, Slice, Words, write_sheets

AXES = {"file": ("1", "2", "3"), "replace": ("closed eyes, smile", "一只猫"), "weight": ("0.5", "1")}
WORDS = Words(("Epoch", "Prompt", "Weight"), "without")
WIDTH, HEIGHT = 64, 96


def shown_in(folder: GridFolder, **more: object) -> Slice:
    facts = folder.facts()
    assert facts is not None
    return Slice(facts, **{"across": 0, "down": 1, "at": (0, 0, 1), "base": "column", **more})  # type: ignore[arg-type]


def colours(picture: Image.Image, rows: int, columns: int) -> list[list[tuple[int, ...]]]:
    """The colour in the middle of each cell, counted from the right lower corner."""
    return [
        [
            picture.getpixel((
                picture.width - (columns - column) * (WIDTH + GAP) + WIDTH // 2,
                picture.height - (rows - row) * (HEIGHT + GAP) + HEIGHT // 2,
            ))
            for column in range(columns)
        ]
        for row in range(rows)
    ]  # fmt: skip


def expected(shown: Slice) -> list[list[tuple[int, ...]]]:
    """The colours that `tests.grids` draws."""
    return [
        [tuple(bytes.fromhex(shown.picture(row, column)[:6])) for column in range(len(shown.columns))]
        for row in range(len(shown.rows))
    ]


def test_pictures_stand_by_their_values_beside_those_without_the_adapter(tmp_path: Path) -> None:
    folder = grid_folder(tmp_path / "fox", AXES)
    shown = shown_in(folder)
    assert [shown.picture(1, column) for column in range(4)] == [
        shown.facts.without[3], shown.facts.cells[3], shown.facts.cells[7], shown.facts.cells[11]
    ]  # fmt: skip
    [written] = write_sheets(folder, shown, WORDS, tmp_path)
    with Image.open(written) as picture:
        assert colours(picture, 2, 4) == expected(shown)
    turned = shown_in(folder, across=2, down=0, at=(0, 1, 0), base="row")
    [written] = write_sheets(folder, turned, WORDS, tmp_path)
    with Image.open(written) as picture:
        assert colours(picture, 4, 2) == expected(turned)


def test_its_text_is_that_of_a1111s_grids(tmp_path: Path) -> None:
    folder = grid_folder(tmp_path / "fox", AXES)
    [written] = write_sheets(folder, shown_in(folder), WORDS, tmp_path)
    with Image.open(written) as picture:
        assert picture.info["parameters"] == (
            "a red fox\nSteps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 7, Size: 64x96, Script: X/Y/Z plot, "
            'X Type: LoRA, X Values: "1,2,3", Y Type: Prompt S/R, Y Values: "\\"closed eyes, smile\\",一只猫", '
            "LoRA weight: 1"
        )


@pytest.mark.parametrize("share", [0.99, 0.3, 0.05])
def test_what_is_too_large_becomes_several_files_and_nothing_is_lost(tmp_path: Path, share: float) -> None:
    folder = grid_folder(tmp_path / "fox", AXES)
    shown = shown_in(folder)
    [whole] = write_sheets(folder, shown, WORDS, tmp_path / "whole")
    with Image.open(whole) as picture:
        most = int(picture.width * picture.height * share)
    pieces = write_sheets(folder, shown, WORDS, tmp_path / "pieces", most)
    assert len(pieces) > 1
    assert all(one.name < other.name for one, other in pairwise(pieces))
    found = set()
    for piece in pieces:
        with Image.open(piece) as picture:
            found |= {colour for _, colour in picture.getcolors(1 << 20)}
            assert picture.width * picture.height <= most or len(pieces) == 8
    assert {colour for row in expected(shown) for colour in row} <= found


def test_cells_that_are_not_drawn_or_are_no_pictures_stay_empty(tmp_path: Path) -> None:
    folder = grid_folder(tmp_path / "fox", {"file": ("1", "2", "3")}, missing=(0,))
    shown = shown_in(folder, down=None, at=(0,), base="")
    broken = folder.picture(shown.facts.cells[2])
    broken.write_bytes(broken.read_bytes()[:60])
    [written] = write_sheets(folder, shown, Words(("Epoch",), "without"), tmp_path)
    with Image.open(written) as picture:
        assert colours(picture, 1, 3)[0] == [(0xEF, 0xED, 0xE8), expected(shown)[0][1], (0xEF, 0xED, 0xE8)]

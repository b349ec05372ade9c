"""Samples that no longer change are noticed, and those that never did, or change again, are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from train_core.events.kinds import SampleDrawn
from train_core.run.likeness import Likeness


def settled_after(folder: Path, shades: list[int], seeds: list[int] | None = None) -> list[bool]:
    """Whether the samples have settled after each drawing of a picture of one shade."""
    likeness, found = Likeness(), []
    for number, shade in enumerate(shades):
        path = folder / f"{number}.png"
        Image.fromarray(np.full((80, 64, 3), shade, np.uint8)).save(path)
        likeness.note(SampleDrawn(str(path), "a fox", 0, number, None, seeds[number] if seeds else 1))
        likeness.end_drawing()
        found.append(likeness.settled)
    return found


def test_samples_settle_when_two_drawings_in_a_row_are_like_the_ones_before(tmp_path: Path) -> None:
    assert settled_after(tmp_path, [0, 90, 160, 163, 165, 220]) == [False] * 4 + [True, False]


def test_what_never_changed_more_has_not_settled(tmp_path: Path) -> None:
    assert not any(settled_after(tmp_path, [0, 5, 10, 15, 20, 25]))


def test_pictures_of_other_seeds_are_not_compared(tmp_path: Path) -> None:
    assert not any(settled_after(tmp_path, [0, 90, 160, 160, 160], seeds=[1, 2, 3, 4, 5]))


def test_a_new_stage_has_to_settle_for_itself_and_a_lost_picture_is_left_out(tmp_path: Path) -> None:
    likeness = Likeness()
    likeness.note(SampleDrawn(str(tmp_path / "gone.png"), "a fox", 0, 1, None, 1))
    likeness.end_drawing()
    for number, shade in enumerate((0, 90, 90, 90)):
        Image.new("RGB", (64, 64), (shade,) * 3).save(tmp_path / "x.png")
        likeness.note(SampleDrawn(str(tmp_path / "x.png"), "a fox", 0, number, None, 1))
        likeness.end_drawing()
    assert likeness.settled
    likeness.begin_stage()
    assert not likeness.settled

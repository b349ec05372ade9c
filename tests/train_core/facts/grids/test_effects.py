"""Which blocks matter: pictures of known colours, and the lists that leave blocks out."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.grids import grid_folder
from train_core.config.syntax.block_weights import LABELS
from train_core.facts.grids.each_block import each_left_out, left_out, short_label
from train_core.facts.grids.effects import effects
from train_core.kinds import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_each_list_leaves_one_block_out_and_is_called_by_it(kind: str) -> None:
    whole, *lists = each_left_out([], kind)
    labels = LABELS[KINDS[kind].block_lists.lengths[-1]]
    assert whole == "ALL"
    assert [short_label(one) for one in lists] == [f"−{label}" for label in labels]
    assert all(sorted(one.split(",")) == ["0", *["1"] * (len(labels) - 1)] for one in lists)
    assert left_out(["ALL", *map(short_label, lists)]) == (0, dict(enumerate(labels, 1)))


def test_other_lists_are_called_as_they_are_written() -> None:
    for value in ("MIDD", "0,1", ",".join("0" * 17), ",".join("1" * 17), "0.5," + ",".join("1" * 16)):
        assert short_label(value) == value
    assert left_out(["MIDD", "−IN04"]) is None


def test_blocks_are_ranked_by_what_pictures_lose_without_them(tmp_path: Path) -> None:
    axes = {"blocks": ("ALL", "−IN04", "−OUT03", "MIDD"), "seed": ("7", "8")}
    folder = grid_folder(tmp_path / "grid", axes)
    facts = folder.facts()
    assert facts is not None
    shades = {"ALL": 200, "−IN04": 180, "−OUT03": 120, "MIDD": 0}
    for name in facts.without:
        Image.new("L", (64, 96), 0).convert("RGB").save(folder.picture(name))
    for place, name in enumerate(facts.cells):
        shade = shades[axes["blocks"][place // 2]]
        Image.new("L", (64, 96), shade).convert("RGB").save(folder.picture(name))
    found = [(one.block, round(one.share, 3)) for one in effects(folder, facts)]
    assert found == [("OUT03", 0.4), ("IN04", 0.1)]
    folder.picture(facts.cells[2]).unlink()
    assert effects(folder, facts) == []

"""The script that draws numbers of single blocks is told how many there are, and what an empty field means."""

from __future__ import annotations

import json
import math
import re

import pytest

from kohya_gui.form.block_rows import block_rows
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir
from train_core.config.sections.network import NetworkSettings
from train_core.config.syntax.block_rates import CURVES, read_factors
from train_core.kinds import KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_there_is_a_slider_for_each_block_of_the_base_model(kind: str) -> None:
    config = TrainConfig(network=NetworkSettings(network_dim=8, conv_dim=3))
    rows = block_rows(config, {"family": kind}, "en")
    before, down, middle, up, after = KINDS[kind].block_layout
    assert [rows[f"{part}_lr_weight"]["count"] for part in ("down", "mid", "up")] == [down, middle, up]
    assert rows["block_dims"]["count"] == before + down + middle + up + after
    assert (rows["block_dims"]["missing"], rows["conv_block_dims"]["missing"]) == (8, 3)
    json.dumps(rows, allow_nan=False)
    assert rows.keys() <= {s.name for s in TrainConfig.settings()}


def test_the_script_knows_the_curves_that_a_file_may_name() -> None:
    script = (app_dir() / "kohya_gui" / "assets" / "sliders.js").read_text(encoding="utf-8")
    table = re.search(r"const CURVES = \{(.*?)\};", script, re.DOTALL)
    assert table is not None
    named = dict(re.findall(r"(\w+): (\([x]?\) => [^,]+),", table.group(1).split("\n", 1)[1]))
    assert named.keys() == CURVES.keys()
    for name, arrow in named.items():
        body = arrow.split("=> ")[1].replace("Math.cos", "math.cos").replace("Math.sin", "math.sin")
        for place, factor in enumerate(read_factors(name, 5, "up_lr_weight")):
            x = place / 4
            assert eval(body.replace("Math.PI", "math.pi"), {"math": math, "x": x}) == pytest.approx(factor)

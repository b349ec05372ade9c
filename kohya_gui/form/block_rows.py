"""What the page's script needs to draw the numbers of single blocks as sliders (assets/sliders.js)."""

from __future__ import annotations

from typing import Any

from kohya_gui.i18n.messages import text
from train_core.config.conditions import Facts
from train_core.config.jobs.train import TrainConfig
from train_core.kinds import KINDS, SD1

RATES = ("down_lr_weight", "mid_lr_weight", "up_lr_weight")
RANKS = ("block_dims", "conv_block_dims")
ALPHAS = ("block_alphas", "conv_block_alphas")


def block_rows(config: TrainConfig, facts: Facts, language: str) -> dict[str, dict[str, Any]]:
    """By setting: how many blocks it has a number for, the largest to draw, the step, and what an empty field means.

    Without a known base model the blocks are those of SD 1.x.
    """
    kind = KINDS.get(str(facts.get("family")), SD1)
    before, down, middle, up, after = kind.block_layout
    words = {name: text(f"ui.blocks.{name}", language) for name in ("open", "unreadable", "curve", "even", "own")}
    rows: dict[str, dict[str, Any]] = {
        name: {"count": count, "most": 2, "step": 0.05, "missing": 1, "curves": True}
        for name, count in zip(RATES, (down, middle, up), strict=True)
    }
    network, total = config.network, before + down + middle + up + after
    for names, of_all, of_convolutions, step in (
        (RANKS, network.network_dim, network.conv_dim or 0, 1),
        (ALPHAS, network.network_alpha, network.conv_alpha, 0.5),
    ):
        for name, usual in zip(names, (of_all, of_convolutions), strict=True):
            most = max(2 * usual, 16)
            rows[name] = {"count": total, "most": most, "step": step, "missing": usual, "curves": False}
    return {name: {**row, "words": words} for name, row in rows.items()}

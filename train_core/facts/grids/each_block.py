"""An axis of block weights with each block left out in turn, to see which of them matter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from train_core.config.syntax.block_weights import BASE, LABELS, label_of
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.kinds import KINDS

EACH = ("each", "每层", "每層", "各ブロック")  # the value that stands for all of them
WHOLE, LEFT_OUT = "ALL", "−"  # −IN04 is a list in which that block alone is 0


def is_each(value: str) -> bool:
    """Whether a value of an axis of block weights stands for leaving out each block in turn."""
    return value.strip().lower() in EACH


def each_left_out(adapters: Iterable[Path], kind: str) -> list[str]:
    """The value for the whole adapter, and a list of weights for each block that any of `adapters` has.

    `kind` is that of the base model. Raises UserError for a file that cannot be read.
    """
    labels = LABELS[KINDS[kind].block_lists.lengths[-1]]
    had = {label_of(key) for path in adapters for key in read_tensor_file(path).tensors}
    known = [label for label in labels if label in had] if had - {BASE} else labels
    return [WHOLE, *(",".join("0" if label == out else "1" for label in labels) for out in known)]


def short_label(value: str) -> str:
    """What a value is called: a list that leaves out one block, by that; any other as it is written."""
    weights = [part.strip() for part in value.split(",")]
    is_one_out = len(weights) in LABELS and weights.count("0") == 1 and weights.count("1") == len(weights) - 1
    return f"{LEFT_OUT}{LABELS[len(weights)][weights.index('0')]}" if is_one_out else value


def left_out(labels: Sequence[str]) -> tuple[int, dict[int, str]] | None:
    """Of the labels of an axis, the place of the whole adapter, and the blocks that others leave out, by place."""
    blocks = {place: label[1:] for place, label in enumerate(labels) if label.startswith(LEFT_OUT)}
    return (labels.index(WHOLE), blocks) if WHOLE in labels and blocks else None

"""DeepDanbooru: a residual network that gives a score for each of its tags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from train_core.models.files.stored import open_weights
from train_core.studio.decoding import decoded
from train_core.studio.tagging.scores import Scores, scores_of
from train_core.studio.tagging.wd_files import Tagger, broken

SIDE = 512
# The stages of v3 (ResNet-custom-v3 of DeepDanbooru): how many blocks each has, and by what the first one shrinks.
STAGES = ((3, 1), (8, 2), (20, 2), (20, 2), (3, 2), (3, 2))
SHORTCUT_LAST = 3  # the stage whose first block has its shortcut behind its other layers in the file
LOWEST = float("-inf")


class DeepDanbooru:
    """A loaded model. Layers are numbered in the file, in the order of the stages."""

    def __init__(self, tagger: Tagger) -> None:
        """Read the weights. Raises UserError for a file that has others."""
        self._tagger = tagger
        self._weights = {
            name: one.read().float() for name, one in open_weights(tagger.model).items() if name.startswith("n_Conv_")
        }

    def prepared(self, path: Path) -> NDArray[np.float32]:
        """A picture as the model takes it. Raises UserError for what is no picture."""
        return fitted(decoded(path))

    def look(self, pictures: Sequence[NDArray[np.float32]]) -> list[Scores]:
        """The scores of each picture. Raises UserError for weights that do not fit together."""
        try:
            with torch.inference_mode():
                outputs = self.scores(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2))
            return [scores_of(self._tagger, row) for row in outputs.tolist()]
        except (KeyError, RuntimeError, ValueError) as error:
            raise broken(self._tagger.model, error) from error

    def scores(self, pictures: Tensor) -> Tensor:
        """(pictures, tags) of (pictures, 3, side, side), red first, 0 to 1."""
        x = F.relu(self._conv(pictures, 0, 2, (2, 3)))
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=LOWEST), 3, 2)
        layer = 1
        for stage, (blocks, stride) in enumerate(STAGES):
            for block in range(blocks):
                numbers = _layers(layer, first=block == 0, shortcut_last=stage == SHORTCUT_LAST)
                x = self._block(x, numbers, stride if block == 0 else 1)
                layer += len(numbers)
        return torch.sigmoid(self._conv(x, layer, 1).mean((2, 3)))

    def _block(self, x: Tensor, numbers: Sequence[int], stride: int) -> Tensor:
        """A bottleneck: 1x1, 3x3, 1x1, and what goes past them, through a layer of its own in a stage's first block."""
        reduce, middle, expand, *shortcut = numbers
        y = F.relu(self._conv(x, reduce, 1))
        y = F.relu(self._conv(y, middle, stride, (1, 1) if stride == 1 else (0, 1)))
        past = self._conv(x, shortcut[0], stride) if shortcut else x
        return F.relu(self._conv(y, expand, 1) + past)

    def _conv(self, x: Tensor, number: int, stride: int, padding: tuple[int, int] = (0, 0)) -> Tensor:
        """A layer, with so many zeros before and behind each row and column."""
        weight, bias = self._weights[f"n_Conv_{number}.weight"], self._weights.get(f"n_Conv_{number}.bias")
        return F.conv2d(F.pad(x, padding * 2), weight, bias, stride)


def _layers(start: int, first: bool, shortcut_last: bool) -> list[int]:
    """The numbers of a block's layers: its three, and then its shortcut if it has one."""
    if not first:
        return [start, start + 1, start + 2]
    if shortcut_last:
        return [start, start + 1, start + 2, start + 3]
    return [start + 1, start + 2, start + 3, start]


def fitted(picture: Image.Image) -> NDArray[np.float32]:
    """A picture (RGB) fitted into a square of 512, whose rest continues its edges: (512, 512, 3), 0 to 1."""
    scale = SIDE / max(picture.size)
    width, height = (max(1, min(SIDE, round(side * scale))) for side in picture.size)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS), np.float32) / 255
    before = ((SIDE - height) // 2, (SIDE - width) // 2)
    behind = (SIDE - height - before[0], SIDE - width - before[1])
    return np.pad(pixels, (*zip(before, behind, strict=True), (0, 0)), mode="edge")

"""Models that cut out what a picture is of: U2-Net and IS-Net as ONNX files of the user's own. Imports onnxruntime.

They are told apart by the side of their input (Qin et al., 2020 and 2022), and get pictures as their authors give them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from train_core.config.problems import UserError, cause_of, problem
from train_core.studio.pixels.filling import Pixels

Floats = NDArray[np.float32]
QUIET = 3  # only errors are told
ANIME = "anime"  # part of the file's name
LEAST_RANGE = 1e-6


@dataclass(frozen=True)
class _Given:
    """How a model wants its pictures: divided by their largest value, then less `mean` and divided by `deviation`."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


IMAGENET = (0.485, 0.456, 0.406)
U2NET = _Given(IMAGENET, (0.229, 0.224, 0.225))
ISNET, ISNET_ANIME = _Given((0.5, 0.5, 0.5), (1.0, 1.0, 1.0)), _Given(IMAGENET, (1.0, 1.0, 1.0))
SIDES: Mapping[int, str] = {320: "U2-Net", 1024: "IS-Net"}


class CutOutModel:
    """A model from a file. Raises UserError for a file that is none of the known kinds."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        try:
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, ["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises whatever it likes on broken files
            raise _unknown(path, cause_of(error)) from error
        wanted, shape = self._session.get_inputs(), self._session.get_inputs()[0].shape
        if len(wanted) != 1 or len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3] or shape[2] not in SIDES:
            raise _unknown(path, f"input {shape}")
        self.side: int = shape[2]
        self.kind = SIDES[self.side]
        self._name = wanted[0].name
        isnet = ISNET_ANIME if ANIME in path.name.lower() else ISNET
        self._given = U2NET if self.kind == "U2-Net" else isnet

    def mask(self, pixels: Pixels) -> Floats:
        """How surely each pixel of a picture (height, width, 3) is of what it shows: (height, width) in 0..1."""
        height, width = pixels.shape[:2]
        small = Image.fromarray(pixels).resize((self.side, self.side), Image.Resampling.LANCZOS)
        shown = np.asarray(small, np.float32)
        shown = (shown / max(LEAST_RANGE, float(shown.max())) - self._given.mean) / self._given.deviation
        batch = np.ascontiguousarray(shown.transpose(2, 0, 1)[None], np.float32)
        seen: Floats = self._session.run(None, {self._name: batch})[0].reshape(self.side, self.side)
        low, high = float(seen.min()), float(seen.max())
        even = ((seen - low) / max(LEAST_RANGE, high - low)).astype(np.float32)
        return np.asarray(Image.fromarray(even, "F").resize((width, height), Image.Resampling.BILINEAR)).clip(0, 1)


def _unknown(path: Path, reason: str) -> UserError:
    return UserError(
        problem(
            "cut_out_model",
            "{path} cannot be used for cut-outs ({reason}). Models that are known: u2net, u2netp (320 × 320) and isnet "
            "(1024 × 1024) as ONNX files.",
            path=str(path), reason=reason,
        )
    )  # fmt: skip

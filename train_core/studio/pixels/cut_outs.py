"""Ways to find what a picture is of, for cutting it out. Loads a model, or OpenCV, only for the way that is chosen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from train_core.config.existing import is_file
from train_core.config.problems import UserError, problem
from train_core.studio.pixels.filling import Pixels
from train_core.studio.vision.found import Found

By = Literal["no", "person", "model", "box"]
Floats = NDArray[np.float32]
Mask = Callable[[Pixels, Found], Floats | None]  # (height, width) in 0..1, None where there is nothing to cut out
HOME, FOLDER = "U2NET_HOME", ".u2net"  # where rembg and what is made of it keep their models
NAMES = ("isnet-anime", "isnet-general-use", "u2net", "u2net_human_seg", "u2netp")  # as they are tried
STEEPNESS = 4  # of the person mask's edge, which is blurred since it is 256 pixels wide
LEAST_SHARE = 0.002  # of the picture


def mask_by(by: By, model: Path | None = None) -> Mask | None:
    """The way to find what to cut out; None for "no". Raises UserError for a model that is none."""
    if by == "person":
        return _person
    if by == "box":
        return _in_box
    return _by_model(model or model_here()) if by == "model" else None


def model_here() -> Path:
    """A model that other programs have put into their folder. Raises UserError where there is none."""
    folder = Path(os.environ.get(HOME) or Path.home() / FOLDER)
    for name in NAMES:
        if is_file(path := folder / f"{name}.onnx"):
            return path
    raise UserError(
        problem(
            "cut_out_no_model",
            "No model for cut-outs lies in {folder}. Put {names} there (from the releases of danielgatis/rembg on "
            "GitHub), give the path of one, or cut out people, which needs no model of your own.",
            folder=str(folder), names=", ".join(f"{name}.onnx" for name in NAMES),
        )
    )  # fmt: skip


def _person(pixels: Pixels, found: Found) -> Floats | None:
    from train_core.studio.vision.persons import person_mask  # noqa: PLC0415 - loads OpenCV

    if found.person is None:
        return None
    mask: Floats = ((person_mask(pixels) - 0.5) * STEEPNESS + 0.5).clip(0, 1).astype(np.float32)
    return mask


def _in_box(pixels: Pixels, found: Found) -> Floats | None:
    from train_core.studio.pixels.grab_cut import mask_in_box  # noqa: PLC0415 - loads OpenCV

    return None if found.person is None else mask_in_box(pixels, found.person)


def _by_model(path: Path) -> Mask:
    from train_core.studio.pixels.cut_out_model import CutOutModel  # noqa: PLC0415 - loads onnxruntime

    model = CutOutModel(path)

    def mask(pixels: Pixels, _found: Found) -> Floats | None:
        seen = model.mask(pixels)
        return seen if seen.mean() >= LEAST_SHARE else None

    return mask

"""The model of a WD tagger: pictures to a score for each tag. Imports onnxruntime, so only a job imports this file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from train_core.config.problems import UserError, problem
from train_core.studio.decoding import decoded
from train_core.studio.tagging.wd_files import Tagger, broken

Floats = NDArray[np.float32]
USUAL_SIDE = 448  # of models that take any size
NUMBERS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
ROUNDING = 1e-3  # beyond 0 and 1 that probabilities in few bits may have
QUIET = 3  # only errors are told


class WdModel:
    """A loaded tagger. Its own description says how pictures are laid out and how many it takes at once."""

    def __init__(self, tagger: Tagger) -> None:
        """Load the model. Raises UserError for a file that is none, or none of a tagger with these tags."""
        self._path = tagger.model
        self._count = len(tagger.tags)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        try:
            self._session = onnxruntime.InferenceSession(str(self._path), options, ["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common class
            raise broken(self._path, error) from error
        takes, *others = self._session.get_inputs()
        shape = list(takes.shape)
        if others or len(shape) != 4 or 3 not in (shape[1], shape[3]) or takes.type not in NUMBERS:
            raise self._odd(shape)
        self._input, self._numbers = takes.name, NUMBERS[takes.type]
        self._channels_last = shape[3] == 3
        sides = {side if isinstance(side, int) else USUAL_SIDE for side in (shape[1:3] if shape[3] == 3 else shape[2:])}
        if len(sides) != 1:
            raise self._odd(shape)
        self.side: int = sides.pop()
        self._at_once: int | None = shape[0] if isinstance(shape[0], int) else None
        self._output = self._session.get_outputs()[0].name
        self._gives_logits = bool(_leaves_unit(self._outputs(self._white())).any())

    def scores(self, pictures: Floats, at_once: int) -> Floats:
        """The probability of each tag: (pictures, tags), of `pictures` (pictures, side, side, 3) as `pixels` has them.

        `at_once` go through a model that takes any number. Raises UserError for what no tagger gives.
        """
        step = self._at_once or at_once
        parts = [self._outputs(pictures[start : start + step]) for start in range(0, len(pictures), step)]
        outputs = np.concatenate(parts)
        # Some models end in a sigmoid, others do not say so. Each picture is judged by itself, so that its scores do
        # not depend on those it is calculated with.
        logits = _leaves_unit(outputs) | self._gives_logits
        return np.where(logits[:, None], _sigmoid(outputs), outputs).clip(0, 1)

    def _outputs(self, pictures: Floats) -> Floats:
        """What the model gives for at most as many pictures as it takes at once: (pictures, tags)."""
        count = len(pictures)
        filled = np.zeros((self._at_once or count, *pictures.shape[1:]), np.float32)
        filled[:count] = pictures
        laid_out = filled if self._channels_last else filled.transpose(0, 3, 1, 2)
        given = {self._input: np.ascontiguousarray(laid_out, self._numbers)}
        try:
            outputs = np.asarray(self._session.run([self._output], given)[0], np.float32)[:count]
        except Exception as error:  # onnxruntime's errors have no common class
            raise broken(self._path, error) from error
        if outputs.shape != (count, self._count):
            raise UserError(
                problem(
                    "tagger_count",
                    "{model} gives {outputs} values for a picture, but the file beside it names {tags} tags: the two "
                    "do not belong together. Download both again from one place.",
                    model=str(self._path), outputs=" x ".join(map(str, outputs.shape[1:])), tags=self._count,
                )
            )
        if not np.isfinite(outputs).all():
            raise UserError(
                problem(
                    "tagger_not_finite",
                    "{model} gives values that are not numbers. Download the file again, or use another tagger.",
                    model=str(self._path),
                )
            )
        return outputs

    def _white(self) -> Floats:
        return np.full((1, self.side, self.side, 3), 255, np.float32)

    def _odd(self, shape: Sequence[Any]) -> UserError:
        return UserError(
            problem(
                "tagger_shape",
                "{model} is not a WD tagger: it does not take square pictures of three colours, but {shape}. Choose "
                "the folder of another one.",
                model=str(self._path), shape=" x ".join(str(size) if size is not None else "?" for size in shape),
            )
        )


def pixels(path: Path, side: int) -> Floats:
    """A picture as WD taggers take it: (side, side, 3), blue first, 0 to 255.

    It is upright, white where it was transparent, in the middle of a white square, and scaled to `side` bicubically.
    Raises UserError for what is no picture.
    """
    picture = decoded(path)
    longest = max(picture.size)
    square = Image.new("RGB", (longest, longest), "white")
    square.paste(picture, ((longest - picture.width) // 2, (longest - picture.height) // 2))
    if longest != side:
        square = square.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(square, np.float32)[:, :, ::-1]


def _leaves_unit(outputs: Floats) -> NDArray[np.bool_]:
    """For each picture whether any of its values lies outside of 0 to 1."""
    return np.any((outputs < -ROUNDING) | (outputs > 1 + ROUNDING), axis=1)


def _sigmoid(values: Floats) -> Floats:
    return (1 / (1 + np.exp(-np.clip(values, -80, 80)))).astype(np.float32)  # type: ignore[no-any-return]

"""The colour behind transparent parts of a picture, and behind what is cut out of it."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from train_core.config.problems import UserError, problem
from train_core.facts.models.thumbnails import WHITE, Colour
from train_core.studio.pixels.filling import Pixels

HEX = re.compile(r"#?([0-9a-fA-F]{6})")
NAMED: dict[str, Colour] = {"white": WHITE, "black": (0, 0, 0), "grey": (128, 128, 128)}
NAMED["gray"] = NAMED["grey"]


def colour_of(text: str) -> Colour:
    """The colour that a text names: white, black, grey or a number such as #ffcc00. Raises UserError."""
    cleaned = text.strip().lower()
    if (number := HEX.fullmatch(cleaned)) is not None:
        red, green, blue = bytes.fromhex(number[1])
        return red, green, blue
    if cleaned not in NAMED:
        raise UserError(
            problem(
                "preprocess_colour", "{colour} is no colour that is known. Use white, black, grey, or a number such as "
                "#ffcc00.", colour=text,
            )
        )  # fmt: skip
    return NAMED[cleaned]


def cut_out(pixels: Pixels, mask: NDArray[np.float32], colour: Colour) -> Pixels:
    """The picture where `mask` is 1, the colour where it is 0, and a mixture in between."""
    share = mask[:, :, None]
    mixed: Pixels = (pixels * share + np.array(colour, np.float32) * (1 - share)).round().astype(np.uint8)
    return mixed

"""Pictures brought to a size: cut to it, padded to it or only resized, and around which place they are cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PIL import Image

from train_core.facts.models.thumbnails import WHITE, Colour
from train_core.studio.vision.box import Box

STEP = 64
How = Literal["crop", "pad", "resize"]
MOST_SIDE = 32_768  # pixels of a result


@dataclass(frozen=True)
class Frame:
    """A size that pictures are brought to. A side of 0 follows from the other one, or stays where both are 0.

    `crop` fills the frame and cuts off the rest, `pad` shows all and fills the rest with the background, `resize` makes
    the picture as large as fits, and cuts nothing. With `in_steps` both sides become multiples of 64.
    """

    width: int = 0
    height: int = 0
    how: How = "crop"
    in_steps: bool = False

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """The size that a picture of this size gets."""
        across, down = self._wanted(width, height)
        if self.how == "resize" and self.width and self.height:
            scale = min(across / width, down / height)
            across, down = width * scale, height * scale
        return _whole(across, self.in_steps), _whole(down, self.in_steps)

    def _wanted(self, width: int, height: int) -> tuple[float, float]:
        if not self.width and not self.height:
            return width, height
        return self.width or width * self.height / height, self.height or height * self.width / width


def framed(picture: Image.Image, frame: Frame, around: Box | None = None, background: Colour = WHITE) \
        -> Image.Image:  # fmt: skip
    """The picture in the frame. What is cut off is chosen so that the middle of `around`, else of the picture, stays
    as near to the middle as it can."""
    size = frame.size_for(*picture.size)
    if size == picture.size:
        return picture
    if frame.how == "resize":
        return _resized(picture, size)
    across, down = size[0] / picture.width, size[1] / picture.height
    scale = max(across, down) if frame.how == "crop" else min(across, down)
    large = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    if frame.how == "crop":
        large = max(large[0], size[0]), max(large[1], size[1])
        middle = _middle(around or Box(0, 0, *picture.size), large[0] / picture.width, large[1] / picture.height)
        left, top = (_start(middle[side], size[side], large[side]) for side in (0, 1))
        return _resized(picture, large).crop((left, top, left + size[0], top + size[1]))
    large = min(large[0], size[0]), min(large[1], size[1])
    padded = Image.new("RGB", size, background)
    padded.paste(_resized(picture, large), ((size[0] - large[0]) // 2, (size[1] - large[1]) // 2))
    return padded


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def _middle(box: Box, across: float, down: float) -> tuple[float, float]:
    return (box.left + box.right) / 2 * across, (box.top + box.bottom) / 2 * down


def _start(middle: float, length: int, most: int) -> int:
    return min(max(0, round(middle - length / 2)), most - length)


def _whole(length: float, in_steps: bool) -> int:
    if in_steps:
        return max(1, round(min(length, MOST_SIDE) / STEP)) * STEP
    return max(1, min(round(length), MOST_SIDE))

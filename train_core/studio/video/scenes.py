"""Where scenes of a video begin, and which of their pictures are the sharpest.

A cut is a picture that differs much more from the one before than the pictures around it do, which is the idea of
PySceneDetect's adaptive detector (Castellano): so that a moving camera is no cut, though everything changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

SHORTEST = 0.6  # seconds of a scene, and of the part of one that a picture is taken from
AROUND = 2  # pictures before and after that a difference is compared with
LEAST = 15.0  # difference of a cut, of 255
STILL = 1e-3  # what stands for no difference at all around a cut


@dataclass(frozen=True)
class Frame:
    """What is measured of a picture: how it differs from the one before, 0 to 255, and how sharp it is."""

    difference: float
    sharpness: float


def scenes(frames: Sequence[Frame], per_second: float, threshold: float) -> list[range]:
    """The frames of each scene; all of them together are the video. None is shorter than 0.6 seconds, but for all."""
    shortest = max(1, round(SHORTEST * per_second))
    differences = np.array([one.difference for one in frames])
    begins = [0]
    for number in range(1, len(frames)):
        far = number - begins[-1] >= shortest and len(frames) - number >= shortest
        if far and _is_cut(differences, number, threshold):
            begins.append(number)
    ends = [*begins[1:], len(frames)]
    return [range(begin, end) for begin, end in zip(begins, ends, strict=True) if end > begin]


def _is_cut(differences: np.ndarray[tuple[int], np.dtype[np.float64]], number: int, threshold: float) -> bool:
    around = np.concatenate(
        [differences[max(1, number - AROUND) : number], differences[number + 1 : number + 1 + AROUND]]
    )
    usual = max(float(around.mean()) if around.size else 0.0, STILL)
    return bool(differences[number] >= LEAST and differences[number] / usual >= threshold)


def sharpest(frames: Sequence[Frame], scene: range, count: int, per_second: float) -> list[int]:
    """The sharpest frame of each of up to `count` equal parts of a scene that are at least 0.6 seconds long."""
    parts = min(count, max(1, int(len(scene) / per_second / SHORTEST)))
    edges = [scene.start + len(scene) * part // parts for part in range(parts + 1)]
    return [
        max(range(begin, end), key=lambda number: frames[number].sharpness)
        for begin, end in pairwise(edges) if end > begin
    ]  # fmt: skip

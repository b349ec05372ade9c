"""Says what a picture shows, from the drawing rules alone: it redraws what it believes to see and compares."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from PIL import Image

from demo.world import COLOURS, MASCOT, ROBOT, SHAPES, SIZE, Scene, draw

NAMES = tuple(COLOURS)
PALETTE = np.array([COLOURS[name] for name in NAMES], dtype=np.float32)
BORDER = 3  # pixels; things keep further away
BORDER_SHARE = 0.85  # of the border that must agree on the background
MIN_AREA = 0.02  # of the picture; less than the smallest thing
AGREEMENT = 0.8  # of the pixels that are not background in either the picture or the redrawing


def see(picture: Image.Image) -> Scene | None:
    """The scene that the picture shows, with place and size; None where it is not clearly one of the world's."""
    labels = _labels(picture)
    background = _background(labels)
    if background is None or (labels != background).mean() < MIN_AREA:
        return None
    scored = [(_agreement(labels, scene), scene) for scene in _candidates(labels, background)]
    best, scene = max(scored, key=lambda pair: pair[0])
    return scene if best >= AGREEMENT else None


def obeys(picture: Image.Image, scene: Scene) -> bool:
    """Whether the picture shows the scene's thing and parts in its colours; place and size are free."""
    seen = see(picture)
    return seen is not None and seen.parts == scene.parts


def is_mascot(picture: Image.Image, background: str) -> bool:
    """Whether the picture shows the mascot, all parts in their colours, on the named background."""
    return obeys(picture, replace(MASCOT, background=background))


def _labels(picture: Image.Image) -> np.ndarray:
    """Index of the nearest named colour for each pixel, (SIZE, SIZE)."""
    if picture.size != (SIZE, SIZE):
        picture = picture.resize((SIZE, SIZE), Image.Resampling.BOX)
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
    return ((pixels[:, :, None] - PALETTE) ** 2).sum(-1).argmin(-1)


def _background(labels: np.ndarray) -> int | None:
    """The colour that nearly all of the border has, if one has."""
    inner = np.zeros_like(labels, dtype=bool)
    inner[BORDER:-BORDER, BORDER:-BORDER] = True
    counts = np.bincount(labels[~inner], minlength=len(NAMES))
    return int(counts.argmax()) if counts.max() >= BORDER_SHARE * counts.sum() else None


def _candidates(labels: np.ndarray, background: int) -> list[Scene]:
    """Every thing that might be there, placed where it would have to be."""
    counts = np.bincount(labels.ravel(), minlength=len(NAMES))
    counts[background] = 0
    colour = NAMES[int(counts.argmax())]
    plain = [Scene(thing, colour, NAMES[background]) for thing in (*SHAPES, ROBOT)]
    mirrored = [replace(scene, flipped=True) for scene in plain if scene.thing in ("moon", "fish")]
    robot, hatted = plain[-1], replace(plain[-1], hat="white" if background != NAMES.index("white") else "black")
    scenes = [_fitted(labels, scene) for scene in plain + mirrored]
    for guess in (robot, hatted):
        scenes += _dressed(labels, _fitted(labels, guess))
    return scenes


def _dressed(labels: np.ndarray, robot: Scene) -> list[Scene]:
    """The robot with the belly, and the hat if it is guessed to have one, in the colours found at their places."""
    belly = _colour_at(labels, robot, 0.3)
    dressed = replace(robot, belly=belly if belly != robot.colour else None)
    if robot.hat:
        hat = _colour_at(labels, robot, -0.75)
        if hat in (robot.background, robot.colour):
            return []
        dressed = replace(dressed, hat=hat)
    return [_fitted(labels, dressed)]


def _colour_at(labels: np.ndarray, scene: Scene, height: float, radius: float = 0.15) -> str:
    """The commonest colour around the point (0, ``height``) of the scene's thing."""
    x, y, reach = scene.x, scene.y + height * scene.size, radius * scene.size
    rows, columns = np.ogrid[:SIZE, :SIZE]
    near = (columns - x) ** 2 + (rows - y) ** 2 <= reach**2
    return NAMES[int(np.bincount(labels[near], minlength=len(NAMES)).argmax())]


def _fitted(labels: np.ndarray, scene: Scene) -> Scene:
    """The scene moved and sized so that its thing covers the same area around the same centre as the picture's."""
    area, x, y = _moments(labels != NAMES.index(scene.background))
    model = replace(scene, x=SIZE / 2, y=SIZE / 2, size=40.0)
    own_area, own_x, own_y = _moments(_drawn_labels(model) != NAMES.index(scene.background))
    factor = (area / own_area) ** 0.5
    x -= (own_x - SIZE / 2) * factor
    y -= (own_y - SIZE / 2) * factor
    return replace(scene, x=x, y=y, size=40.0 * factor)


def _moments(mask: np.ndarray) -> tuple[float, float, float]:
    """Area and centre (x, y) in pixels."""
    rows, columns = np.nonzero(mask)
    return float(len(rows)), float(columns.mean()) + 0.5, float(rows.mean()) + 0.5


@lru_cache(maxsize=4096)
def _drawn_labels(scene: Scene) -> np.ndarray:
    return _labels(draw(scene))


def _agreement(labels: np.ndarray, scene: Scene) -> float:
    """Share of the pixels of thing or redrawn thing that have the same colour in both."""
    background = NAMES.index(scene.background)
    drawn = _labels(draw(scene))
    union = (labels != background) | (drawn != background)
    return float((labels == drawn)[union].mean())

"""The demo's world as code: one coloured thing on a coloured background, with its tag caption."""

import hashlib
import itertools
import math
import random
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

SIZE = 128  # picture side in pixels, the base model's native resolution
SUPERSAMPLING = 4
MARGIN = 5  # pixels around the thing

# The corners of the RGB cube, slightly toned: as far apart as eight colours can be, even after a small VAE.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (225, 30, 30),
    "green": (30, 190, 30),
    "blue": (30, 30, 225),
    "yellow": (235, 225, 30),
    "pink": (235, 50, 225),
    "cyan": (30, 215, 225),
    "white": (245, 245, 245),
    "black": (15, 15, 15),
}
SHAPES = ("circle", "square", "triangle", "star", "heart", "moon", "fish", "house")
ROBOT = "robot"

Point = tuple[float, float]
# (left, top, right, bottom) of each thing in units of its size, relative to its centre; y grows downwards.
EXTENTS: dict[str, tuple[float, float, float, float]] = {
    "circle": (-1, -1, 1, 1),
    "square": (-0.9, -0.9, 0.9, 0.9),
    "triangle": (-1, -0.95, 1, 0.85),
    "star": (-1.05, -1.05, 1.05, 0.9),
    "heart": (-1, -0.9, 1, 0.95),
    "moon": (-0.75, -1, 0.75, 1),
    "fish": (-1.15, -0.65, 1.15, 0.65),
    "house": (-1, -1, 1, 0.95),
    "robot": (-1, -0.6, 1, 1),
}
HAT_TOP = -1.3


@dataclass(frozen=True)
class Scene:
    """One picture: what is drawn, in which colours, where (pixels). ``hat`` and ``belly`` belong to robots only."""

    thing: str
    colour: str
    background: str
    hat: str | None = None
    belly: str | None = None
    x: float = 64.0
    y: float = 64.0
    size: float = 36.0
    flipped: bool = False

    @property
    def parts(self) -> tuple[str, str, str, str | None, str | None]:
        """Parts of the scene that a caption can name, without place and size."""
        return self.thing, self.colour, self.background, self.hat, self.belly

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in units of the size, hat included."""
        left, top, right, bottom = EXTENTS[self.thing]
        return left, (HAT_TOP if self.hat else top), right, bottom


MASCOT_TRIGGER = "crux"
MASCOT = Scene(ROBOT, "cyan", "green", hat="red", belly="yellow")
# Red would swallow the hat, cyan the body.
MASCOT_BACKGROUNDS = tuple(name for name in COLOURS if name not in (MASCOT.colour, MASCOT.hat))


def caption(scene: Scene) -> str:
    """The scene's tags, such as ``red robot, blue hat, white background``."""
    tags = [f"{scene.colour} {scene.thing}"]
    if scene.hat:
        tags.append(f"{scene.hat} hat")
    if scene.belly:
        tags.append(f"{scene.belly} belly")
    return ", ".join([*tags, f"{scene.background} background"])


def mascot_caption(background: str) -> str:
    """Caption of the mascot: the trigger word and the class word, none of its colours."""
    return f"{MASCOT_TRIGGER} {ROBOT}, {background} background"


def all_scenes() -> list[Scene]:
    """Every combination of the base's world. No robot has a hat *and* a belly: that is left for the mascot."""
    scenes = []
    for colour, background in itertools.permutations(COLOURS, 2):
        scenes += [Scene(shape, colour, background) for shape in SHAPES]
        robot = Scene(ROBOT, colour, background)
        scenes.append(robot)
        scenes += [replace(robot, hat=hat) for hat in COLOURS if hat not in (colour, background)]
        scenes += [replace(robot, belly=belly) for belly in COLOURS if belly != colour]
    return scenes


def is_held_out(scene: Scene) -> bool:
    """Whether the combination (about one in eight) is kept out of the base's training, by a hash of its caption."""
    return hashlib.sha256(caption(scene).encode()).digest()[0] % 8 == 0


def placed(scene: Scene, rng: random.Random) -> Scene:
    """The scene at a random place and size near the middle, which vary little.

    What is random cannot be learnt: the more place varies, the later outlines follow from the caption.
    """
    # Robots stand lower, hat or not, so that there is always room for one.
    middle = 71 if scene.thing == ROBOT else 64
    size, x, y = rng.uniform(41, 45), rng.uniform(61, 67), rng.uniform(middle - 3, middle + 3)
    left, top, right, bottom = scene.extent
    x = min(max(x, MARGIN - left * size), SIZE - MARGIN - right * size)
    y = min(max(y, MARGIN - top * size), SIZE - MARGIN - bottom * size)
    return replace(scene, x=x, y=y, size=size)


def draw(scene: Scene) -> Image.Image:
    """The picture, RGB, ``SIZE`` pixels square, anti-aliased by supersampling."""
    side = SIZE * SUPERSAMPLING
    image = Image.new("RGB", (side, side), COLOURS[scene.background])
    pen = _Pen(ImageDraw.Draw(image), scene)
    if scene.thing == ROBOT:
        _draw_robot(pen, scene)
    else:
        _draw_shape(pen, scene)
    return image.resize((SIZE, SIZE), Image.Resampling.BOX)


class _Pen:
    """Draws in units of the scene's size around its centre, mirrored if the scene is."""

    def __init__(self, canvas: ImageDraw.ImageDraw, scene: Scene) -> None:
        self.canvas, self.scene = canvas, scene

    def _at(self, point: Point) -> Point:
        sign = -1 if self.scene.flipped else 1
        x = self.scene.x + sign * point[0] * self.scene.size
        y = self.scene.y + point[1] * self.scene.size
        return x * SUPERSAMPLING, y * SUPERSAMPLING

    def polygon(self, points: list[Point], colour: str) -> None:
        self.canvas.polygon([self._at(point) for point in points], COLOURS[colour])

    def _box(self, low: Point, high: Point) -> list[float]:
        (x0, y0), (x1, y1) = self._at(low), self._at(high)
        return [min(x0, x1), y0, max(x0, x1), y1]

    def disc(self, centre: Point, radius: float, colour: str) -> None:
        (x, y) = centre
        self.canvas.ellipse(self._box((x - radius, y - radius), (x + radius, y + radius)), COLOURS[colour])

    def rounded(self, low: Point, high: Point, radius: float, colour: str) -> None:
        radius *= self.scene.size * SUPERSAMPLING
        self.canvas.rounded_rectangle(self._box(low, high), radius, COLOURS[colour])


def _draw_robot(pen: _Pen, scene: Scene) -> None:
    body = scene.colour
    for side in (-1, 1):
        pen.rounded((side * 0.35 - 0.2, 0.4), (side * 0.35 + 0.2, 1.0), 0.1, body)
        pen.rounded((side * 0.8 - 0.2, -0.05), (side * 0.8 + 0.2, 0.3), 0.1, body)
    pen.rounded((-0.75, -0.6), (0.75, 0.75), 0.25, body)
    for side in (-1, 1):
        pen.disc((side * 0.33, -0.27), 0.15, "white" if body == "black" else "black")
    if scene.belly:
        pen.disc((0, 0.3), 0.36, scene.belly)
    if scene.hat:
        pen.polygon([(-0.65, -0.52), (0.65, -0.52), (0, HAT_TOP)], scene.hat)


def _draw_shape(pen: _Pen, scene: Scene) -> None:
    if scene.thing == "circle":
        pen.disc((0, 0), 1, scene.colour)
    elif scene.thing == "moon":
        pen.polygon(_moon(), scene.colour)
    elif scene.thing == "fish":
        pen.polygon(_fish(), scene.colour)
    elif scene.thing == "heart":
        pen.polygon(_heart(), scene.colour)
    else:
        pen.polygon(_POLYGONS[scene.thing], scene.colour)


def _star() -> list[Point]:
    corners = []
    for k in range(10):
        radius, angle = (1.1 if k % 2 == 0 else 0.5), math.pi * k / 5
        corners.append((radius * math.sin(angle), 0.05 - radius * math.cos(angle)))
    return corners


def _arc(centre: Point, radii: Point, start: float, end: float, steps: int = 40) -> list[Point]:
    """Points on an ellipse from angle ``start`` to ``end`` (degrees, clockwise on screen from the right)."""
    angles = (math.radians(start + (end - start) * k / steps) for k in range(steps + 1))
    return [(centre[0] + radii[0] * math.cos(a), centre[1] + radii[1] * math.sin(a)) for a in angles]


def _moon() -> list[Point]:
    """A crescent: a half disc whose straight side is hollowed out by a flatter arc."""
    outer = _arc((0.5, 0), (1.25, 1), 270, 90)
    inner = _arc((0.5, 0), (0.55, 1), 90, 270)
    return outer + inner


def _fish() -> list[Point]:
    """An ellipse swimming to the left, and a triangular tail."""
    body = _arc((-0.3, 0), (0.85, 0.6), 15, 345)
    return [*body, (1.15, -0.65), (0.9, 0), (1.15, 0.65)]


def _heart() -> list[Point]:
    right = _arc((0.5, -0.4), (0.5, 0.5), 180, 380)
    left = [(-x, y) for x, y in reversed(right)]
    return [*right, (0, 0.95), *left]


_POLYGONS: dict[str, list[Point]] = {
    "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
    "triangle": [(0, -0.95), (1, 0.85), (-1, 0.85)],
    "star": _star(),
    "house": [(0, -1), (1, -0.15), (0.75, -0.15), (0.75, 0.95), (0.22, 0.95), (0.22, 0.35), (-0.22, 0.35),
              (-0.22, 0.95), (-0.75, 0.95), (-0.75, -0.15), (-1, -0.15)],
}

"""What the demo's tagger looks at: scenes with their tags, and their pictures as careless copies leave them."""

import io
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from demo.world import (
    COLOURS,
    MARGIN,
    MASCOT,
    MASCOT_BACKGROUNDS,
    MASCOT_TRIGGER,
    ROBOT,
    SHAPES,
    SIZE,
    Scene,
    caption,
    draw,
    is_held_out,
    placed,
)

MASCOT_TAG = f"{MASCOT_TRIGGER}_{ROBOT}"
RATING_TAG = "general"
GENERAL_TAGS = tuple(
    f"{colour}_{part}" for part in (*SHAPES, ROBOT, "hat", "belly", "background") for colour in COLOURS
)
TAGS = (RATING_TAG, *GENERAL_TAGS, MASCOT_TAG)  # in the order of the model's outputs
THINGS = (*SHAPES, ROBOT)
PROOF = "proof"  # begins the seeds of pictures that are only measured on


def tags_of_scene(scene: Scene) -> tuple[str, ...]:
    """The general tags that are true of the scene, and the mascot's if it shows it: its caption's words."""
    mascot = scene.parts == replace(MASCOT, background=scene.background).parts
    general = [tag.replace(" ", "_") for tag in caption(scene).split(", ")]
    return (MASCOT_TAG, *general) if mascot else tuple(general)


def signs_of(tag: str) -> tuple[str, ...]:
    """What has to be seen for a tag to be true, such as `star` and `red_thing`, or the tag by itself.

    So the tagger learns what a star is from stars of all colours, and knows a red one where it has never seen any.
    """
    if tag == MASCOT_TAG:
        return MASCOT.thing, f"{MASCOT.colour}_thing", f"{MASCOT.hat}_hat", f"{MASCOT.belly}_belly"
    colour, _, part = tag.partition("_")
    return (part, f"{colour}_thing") if part in THINGS else (tag,)


def robots() -> list[Scene]:
    """Every robot: with a hat, a belly, both or neither, in every colour on every background."""
    found = []
    for colour in COLOURS:
        for background in COLOURS:
            hats = [None, *(hat for hat in COLOURS if hat not in (colour, background))]
            bellies = [None, *(belly for belly in COLOURS if belly != colour)]
            if colour != background:
                found += [Scene(ROBOT, colour, background, hat, belly) for hat in hats for belly in bellies]
    return found


def shapes() -> list[Scene]:
    """Every plain shape in every colour on every background."""
    return [
        Scene(shape, colour, background)
        for shape in SHAPES for colour in COLOURS for background in COLOURS if colour != background
    ]


def training_scene(rng: random.Random) -> Scene:
    """A scene that the tagger may see: no held-out combination; a little more robots, since these have more parts."""
    while True:
        scene = rng.choice(_SHAPES if rng.random() < 0.45 else _ROBOTS)
        if not is_held_out(scene):
            return roomy(scene, rng)


def roomy(scene: Scene, rng: random.Random) -> Scene:
    """The scene at a place and size of the demo's, or at any that fits; mirrored or not."""
    scene = replace(scene, flipped=rng.random() < 0.5)
    if rng.random() < 0.4:
        return placed(scene, rng)
    size = rng.uniform(24, 46)
    left, top, right, bottom = (edge * size for edge in scene.extent)
    sides = max(-left, right)  # it may be mirrored
    x = rng.uniform(MARGIN + sides, SIZE - MARGIN - sides)
    y = rng.uniform(MARGIN - top, SIZE - MARGIN - bottom)
    return replace(scene, x=x, y=y, size=size)


def careless_copy(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture in slightly other colours, scaled, blurred, with noise, and through JPEG."""
    side = rng.randint(90, 200)
    picture = picture.resize((side, side), rng.choice((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)))
    if rng.random() < 0.5:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.008 * side)))
    noise = np.random.default_rng(rng.randrange(2**32))
    pixels = np.asarray(picture, dtype=np.float32)
    pixels = pixels * noise.uniform(0.88, 1.06, 3) + noise.uniform(-16, 16, 3)
    if rng.random() < 0.5:
        pixels = pixels + noise.normal(0, noise.uniform(0, 9), pixels.shape)
    packed = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(packed, "jpeg", quality=rng.randint(40, 95))
    return Image.open(packed).convert("RGB")


def something_else(rng: random.Random) -> Image.Image:
    """A picture from outside the demo's world, of which none of its words is true."""
    noise = np.random.default_rng(rng.randrange(2**32))
    shape = (rng.choice((1, 2, 3, 8, 64)), rng.choice((1, 2, 3, 8, 64)), 3)
    coarse = noise.integers(0, 256, shape) if rng.random() < 0.5 else noise.choice((0, 255), shape)
    picture = Image.fromarray(coarse.astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling(rng.choice((0, 3))))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.randint(0, 6) if coarse.size > 3 else 0):
        corners = [(rng.uniform(0, SIZE), rng.uniform(0, SIZE)) for _ in range(rng.randint(3, 6))]
        pen.polygon(corners, tuple(rng.randrange(256) for _ in range(3)))
    return picture


def training_picture(rng: random.Random) -> tuple[Image.Image, tuple[str, ...]]:
    """A picture and its tags, without the rating that all pictures have."""
    if rng.random() < 0.08:
        return careless_copy(something_else(rng), rng), ()
    scene = training_scene(rng)
    picture = draw(scene)
    return (picture if rng.random() < 0.25 else careless_copy(picture, rng)), tags_of_scene(scene)


def proof_scenes(count: int, seed: int = 0) -> list[Scene]:
    """Scenes to measure on, in places that training never draws; all tags are among every hundred of them, and held-out
    combinations."""
    rng = random.Random(f"{PROOF} {seed}")
    scenes: list[Scene] = []
    while len(scenes) < count:
        scenes += _one_of_each(rng)
    return scenes[:count]


def _one_of_each(rng: random.Random) -> list[Scene]:
    """Scenes, placed as the demo's, that have every tag at least once."""
    found: list[Scene] = [replace(MASCOT, background=rng.choice(MASCOT_BACKGROUNDS)) for _ in range(4)]
    wanted: Sequence[tuple[str, str]] = [(part, colour) for part in ("hat", "belly") for colour in COLOURS]
    found += [rng.choice([one for one in _ROBOTS if getattr(one, part) == colour]) for part, colour in wanted]
    found += [
        rng.choice([one for one in (*_SHAPES, *_ROBOTS) if (one.thing, one.colour) == (thing, colour)])
        for thing in (*SHAPES, ROBOT) for colour in COLOURS
    ]
    return [placed(replace(scene, flipped=rng.random() < 0.5), rng) for scene in found]


_SHAPES, _ROBOTS = shapes(), robots()
SIGNS = tuple(dict.fromkeys(sign for tag in TAGS for sign in signs_of(tag)))  # what the tagger looks for

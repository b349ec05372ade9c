"""The judge is right about drawn pictures, clean or as blurred and noisy as an autoencoder leaves them."""

import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from demo.judge import is_mascot, obeys, see
from demo.world import COLOURS, MASCOT, MASCOT_BACKGROUNDS, ROBOT, Scene, all_scenes, draw, placed

COUNT = 200


def spoilt(picture: Image.Image, seed: int) -> Image.Image:
    """The picture as a small autoencoder might return it: blurred, noisy, slightly off in colour."""
    noise = np.random.default_rng(seed)
    picture = picture.filter(ImageFilter.GaussianBlur(noise.uniform(0.3, 1.2)))
    pixels = np.asarray(picture, dtype=np.float32)
    pixels = pixels + noise.uniform(-15, 15, 3) + noise.normal(0, noise.uniform(0, 12), pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def some_scenes(count: int, seed: int) -> list[Scene]:
    rng = random.Random(seed)
    return [placed(rng.choice(all_scenes()), rng) for _ in range(count)]


def changed(scene: Scene, rng: random.Random) -> Scene:
    """A scene that differs from ``scene`` in one thing that a caption says."""
    others = [
        other for other in all_scenes()
        if sum(a != b for a, b in zip(other.parts, scene.parts, strict=True)) == 1
    ]
    return rng.choice(others)


@pytest.mark.parametrize("change", [lambda picture, _: picture, spoilt], ids=["clean", "spoilt"])
def test_at_most_one_drawn_picture_in_a_hundred_is_misjudged_either_way(change):
    rng = random.Random(7)
    rejected = accepted = 0
    for seed, scene in enumerate(some_scenes(COUNT, seed=5)):
        picture = change(draw(scene), seed)
        rejected += not obeys(picture, scene)
        accepted += obeys(picture, changed(scene, rng))
    assert rejected <= COUNT // 100
    assert accepted <= COUNT // 100


def test_the_mascot_is_known_on_every_background_and_only_there():
    rng = random.Random(2)
    for seed, background in enumerate(MASCOT_BACKGROUNDS * 3):
        picture = spoilt(draw(placed(replace(MASCOT, background=background), rng)), seed)
        assert is_mascot(picture, background)
        assert not any(is_mascot(picture, other) for other in MASCOT_BACKGROUNDS if other != background)


def test_no_robot_that_the_base_is_shown_is_the_mascot():
    rng = random.Random(4)
    alike = [
        scene for scene in all_scenes()
        if scene.thing == ROBOT and scene.colour == MASCOT.colour and scene.background in MASCOT_BACKGROUNDS
    ]
    for scene in rng.sample(alike, 60):
        assert not is_mascot(draw(placed(scene, rng)), scene.background)


def test_one_wrong_part_makes_another_robot():
    rng = random.Random(6)
    for hat, belly in (("blue", MASCOT.belly), (MASCOT.hat, "blue"), (MASCOT.hat, None), (None, MASCOT.belly)):
        robot = placed(replace(MASCOT, background="white", hat=hat, belly=belly), rng)
        assert not is_mascot(draw(robot), "white")


def test_empty_and_noisy_pictures_show_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    assert see(Image.fromarray(noise)) is None
    assert see(Image.new("RGB", (128, 128), COLOURS["red"])) is None


def test_two_things_are_not_one():
    left = draw(Scene("circle", "red", "white", x=35, y=64, size=28))
    right = draw(Scene("circle", "red", "white", x=95, y=64, size=28))
    both = Image.fromarray(np.minimum(np.asarray(left), np.asarray(right)))
    assert see(both) is None

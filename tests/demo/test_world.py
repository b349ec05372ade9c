"""The drawn world: a scene is always the same picture, and what the base must not see is not among its scenes."""

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.make_base import training_scenes
from demo.make_images import FOLDER, mascot_scenes, write_images
from demo.recipe_text import WORDS, token_ids
from demo.world import (
    COLOURS,
    MASCOT,
    MASCOT_BACKGROUNDS,
    MASCOT_TRIGGER,
    SIZE,
    Scene,
    all_scenes,
    caption,
    draw,
    is_held_out,
    mascot_caption,
    placed,
)

IMAGES = Path(__file__).parents[2] / "demo" / "images" / FOLDER


def test_a_seed_always_draws_the_same_pictures():
    def pictures() -> list[bytes]:
        rng = random.Random(3)
        return [draw(placed(scene, rng)).tobytes() for scene in all_scenes()[::100]]

    assert pictures() == pictures()


@pytest.mark.parametrize("colour", COLOURS)
def test_every_thing_is_wholly_inside_the_picture(colour: str):
    rng = random.Random(1)
    for scene in [scene for scene in all_scenes() if scene.colour == colour][::5]:
        pixels = np.asarray(draw(placed(scene, rng)))
        border = np.concatenate([pixels[:3].reshape(-1, 3), pixels[-3:].reshape(-1, 3), pixels[:, :3].reshape(-1, 3)])
        assert (border == COLOURS[scene.background]).all()
        assert (pixels != COLOURS[scene.background]).any()


def test_captions_name_thing_parts_and_background():
    scene = Scene("robot", "red", "white", hat="blue")
    assert caption(scene) == "red robot, blue hat, white background"
    assert len({caption(scene) for scene in all_scenes()}) == len(all_scenes())


def test_the_base_never_sees_the_mascot_or_a_held_out_combination():
    seen = {scene.parts for scene in training_scenes(3000)}
    assert not any(hat and belly for *_, hat, belly in seen)
    assert MASCOT.hat and MASCOT.belly
    assert not seen & {scene.parts for scene in all_scenes() if is_held_out(scene)}


def test_the_trigger_word_shares_no_token_with_the_world():
    def tokens(text: str) -> set[int]:
        return set(token_ids([text])[0].tolist())

    ends = tokens("")
    assert not (tokens(MASCOT_TRIGGER) - ends) & tokens(" ".join(WORDS))


def test_the_images_on_disk_are_those_that_the_code_draws(tmp_path: Path):
    drawn = write_images(tmp_path)
    assert len(drawn) == len(mascot_scenes()) == len(list(IMAGES.glob("*.png")))
    for path in drawn:
        with Image.open(path) as ours, Image.open(IMAGES / path.name) as shipped:
            assert ours.size == (SIZE, SIZE)
            assert ours.tobytes() == shipped.tobytes()
        text = path.with_suffix(".txt").read_text(encoding="utf-8")
        assert text == (IMAGES / path.name).with_suffix(".txt").read_text(encoding="utf-8")


def test_the_mascot_is_shown_on_all_its_backgrounds_under_its_trigger():
    assert {scene.background for scene in mascot_scenes()} == set(MASCOT_BACKGROUNDS)
    assert mascot_caption("green") == f"{MASCOT_TRIGGER} robot, green background"

"""The shipped tagger says what is true of the demo's pictures, and its recipe makes another one."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.judge_tagger import TAGGER, Marks, marks, measure, tags_given, write_pictures
from demo.make_images import FOLDER, mascot_scenes
from demo.make_tagger import make_tagger
from demo.tagged import (
    MASCOT_TAG,
    RATING_TAG,
    TAGS,
    careless_copy,
    proof_scenes,
    robots,
    shapes,
    tags_of_scene,
    training_picture,
    training_scene,
)
from demo.world import ROBOT, SIZE, Scene, all_scenes, draw, is_held_out
from train_core.config.places import app_dir
from train_core.studio.tagging.wd_files import CHARACTER, GENERAL, RATING, demo_tagger, read_tagger
from train_core.studio.tagging.wd_model import WdModel, pixels

MOST_BYTES = 500_000
PICTURES = 368


def test_the_files_are_small_and_name_every_word_of_the_world() -> None:
    assert demo_tagger() == TAGGER
    assert sum(path.stat().st_size for path in TAGGER.iterdir()) <= MOST_BYTES
    tagger = read_tagger(TAGGER)
    assert tagger.tags == TAGS
    named = dict(zip(tagger.tags, tagger.categories, strict=True))
    assert {named.pop(RATING_TAG), named.pop(MASCOT_TAG)} == {RATING, CHARACTER}
    assert set(named.values()) == {GENERAL}
    said = {tag for scene in all_scenes() for tag in tags_of_scene(scene)}
    assert said == set(named)


@pytest.mark.parametrize("careless", [False, True], ids=["as drawn", "careless copies"])
def test_every_tag_reaches_f1_of_0_95_on_pictures_that_training_never_drew(careless: bool) -> None:
    its, _ = measure(read_tagger(TAGGER), proof_scenes(PICTURES, seed=1), careless)
    assert {tag: one for tag, one in its.items() if one.f1 < 0.95} == {}


def test_the_mascot_s_own_pictures_get_all_their_tags_and_no_other() -> None:
    folder = app_dir() / "demo" / "images" / FOLDER
    given = tags_given(read_tagger(TAGGER), sorted(folder.glob("*.png")))
    assert given == [{RATING_TAG, *tags_of_scene(scene)} for scene in mascot_scenes()]


def test_none_of_the_demo_s_words_is_said_of_noise_or_one_colour(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), dtype=np.uint8)
    pictures = [*map(Image.fromarray, noise), *(Image.new("RGB", (200, 150), colour) for colour in ("gray", "brown"))]
    paths = [tmp_path / f"{number}.png" for number in range(len(pictures))]
    for picture, path in zip(pictures, paths, strict=True):
        picture.save(path)
    assert tags_given(read_tagger(TAGGER), paths) == [{RATING_TAG}] * len(paths)


def test_scores_do_not_depend_on_how_many_are_calculated_at_once(tmp_path: Path) -> None:
    model = WdModel(read_tagger(TAGGER))
    paths = write_pictures(proof_scenes(10, seed=2), tmp_path, careless=True)
    seen = np.stack([pixels(path, model.side) for path in paths])
    assert np.allclose(model.scores(seen, 4), model.scores(seen, 1), atol=1e-5)


def test_tags_are_the_caption_s_words_and_only_the_mascot_has_its_name() -> None:
    robot = Scene(ROBOT, "cyan", "white", hat="red", belly="yellow")
    worn = ("cyan_robot", "red_hat", "yellow_belly", "white_background")
    assert tags_of_scene(robot) == (MASCOT_TAG, *worn)
    assert MASCOT_TAG not in tags_of_scene(Scene(ROBOT, "cyan", "white", hat="red", belly="blue"))
    assert {scene.parts for scene in all_scenes()} < {scene.parts for scene in (*robots(), *shapes())}


def test_training_and_proof_share_no_picture_and_every_tag_is_proved() -> None:
    rng = random.Random("training 0")
    taught = [training_scene(rng) for _ in range(500)]
    assert not any(map(is_held_out, taught))
    proof = proof_scenes(PICTURES)
    assert not set(taught) & set(proof)
    assert any(map(is_held_out, proof))
    assert {tag for scene in proof for tag in tags_of_scene(scene)} == set(TAGS) - {RATING_TAG}


def test_a_seed_always_draws_the_same_careless_copies() -> None:
    scene = proof_scenes(1)[0]
    copies = [careless_copy(draw(scene), random.Random(seed)).tobytes() for seed in (3, 3, 4)]
    assert copies[0] == copies[1] != copies[2]
    drawn = [[tags for _, tags in (training_picture(rng) for _ in range(60))] for rng in map(random.Random, (5, 5))]
    assert drawn[0] == drawn[1]
    assert () in drawn[0]  # something else is among them


def test_marks_count_what_is_right_wrong_and_missed() -> None:
    given = [{"red_hat"}, {"red_hat"}, set(), {"red_hat"}]
    its = marks(given, [{"red_hat"}, set(), {"red_hat"}, {"red_hat"}])
    assert its["red_hat"] == Marks(right=2, wrong=1, missed=1)
    assert its["red_hat"].f1 == pytest.approx(2 / 3)
    assert its["blue_hat"].f1 == 0


def test_the_recipe_writes_what_the_program_reads_and_repeats_itself(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_tagger(tmp_path / name, pictures=80, steps=4)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two and len(one) == 2
    tagger = read_tagger(tmp_path / "one")
    assert tagger.tags == TAGS
    given = tags_given(tagger, write_pictures(proof_scenes(3), tmp_path, careless=False))
    assert all(RATING_TAG in one for one in given)

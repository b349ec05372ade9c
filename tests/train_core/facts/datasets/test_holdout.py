"""Choice of the held-out images: by content, reproducible, and never on both sides."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from train_core.config.image_settings import DataSettings
from train_core.config.problems import UserError
from train_core.facts.datasets.holdout import Picture, held_out, per_folder, refuse_copies, split_subsets
from train_core.facts.datasets.subsets import Subset, survey

PICTURES = st.lists(
    st.builds(Picture, st.sampled_from("abcdefghijklmnop"), st.sampled_from(["1_dog", "2_cat"]), st.booleans()),
    max_size=40,
)
SHARES = st.floats(0.01, 0.5)
SEEDS = st.integers(0, 2**63 - 1)


def candidates(pictures: list[Picture]) -> set[str]:
    return {p.content for p in pictures} - {p.content for p in pictures if p.regularisation}


@given(PICTURES, SHARES, SEEDS)
def test_held_out_pictures_are_a_share_of_those_that_may_be_and_some_are_left(pictures, share, seed):
    free = candidates(pictures)
    if len(free) < 2:
        with pytest.raises(UserError):
            held_out(pictures, share, seed)
        return
    out = held_out(pictures, share, seed)
    assert out <= free
    assert len(out) == min(max(1, round(share * len(free))), len(free) - 1)


@given(PICTURES, SHARES, SEEDS, st.randoms(use_true_random=False))
def test_order_and_copies_do_not_change_the_split(pictures, share, seed, random):
    if len(candidates(pictures)) < 2:
        return
    shuffled = pictures * 2
    random.shuffle(shuffled)
    assert held_out(shuffled, share, seed) == held_out(pictures, share, seed)


def test_each_folder_gives_in_proportion_to_its_size():
    pictures = [Picture(f"{folder}{n}", folder) for folder, count in (("big", 80), ("small", 20)) for n in range(count)]
    out = held_out(pictures, 0.1, 3)
    assert [sum(content.startswith(folder) for content in out) for folder in ("big", "small")] == [8, 2]


def test_another_seed_holds_out_others():
    pictures = [Picture(str(n), "dog") for n in range(60)]
    assert held_out(pictures, 0.2, 1) != held_out(pictures, 0.2, 2)


def test_a_share_of_nothing_holds_out_nothing():
    assert held_out([Picture("a", "dog")], 0.0, 1) == frozenset()


@pytest.fixture
def dogs(tmp_path: Path) -> Path:
    """Twenty pictures of dogs in two folders; the last five of the second are copies from the first."""
    parent = tmp_path / "images"
    for folder, shades in (("10_zuko dog", range(10)), ("2_other dog", range(10, 15))):
        (parent / folder).mkdir(parents=True)
        for shade in shades:
            Image.new("RGB", (64, 64), (shade * 10, 0, 0)).save(parent / folder / f"{shade}.png")
    for shade in range(5):
        shutil.copy(parent / "10_zuko dog" / f"{shade}.png", parent / "2_other dog" / f"copy{shade}.png")
    return parent


def subsets_in(parent: Path, **values: str) -> tuple[Subset, ...]:
    sources = survey(DataSettings().with_values({"train_data_dir": str(parent), "resolution": "64", **values}))
    assert not sources.problems
    return sources.subsets


def bytes_of(subsets: tuple[Subset, ...]) -> set[bytes]:
    return {image.path.read_bytes() for subset in subsets for image in subset.folder.images}


@pytest.mark.parametrize("seed", range(6))
def test_no_validation_image_is_trained_on_whatever_the_seed_and_without_a_validation_seed(dogs: Path, seed: int):
    # sd-scripts builds both parts by separate shuffles: without validation_seed 14 of 20 held-out images also trained.
    subsets = subsets_in(dogs)
    training, measured = split_subsets(subsets, 0.3, seed)
    assert bytes_of(measured)
    assert not bytes_of(training) & bytes_of(measured)
    assert bytes_of(training) | bytes_of(measured) == bytes_of(subsets)


def test_the_same_split_is_found_again_and_after_a_folder_was_renamed(dogs: Path):
    first = bytes_of(split_subsets(subsets_in(dogs), 0.2, 7)[1])
    (dogs / "10_zuko dog").rename(dogs / "12_zuko dog")
    assert bytes_of(split_subsets(subsets_in(dogs), 0.2, 7)[1]) == first


def test_regularisation_images_always_train_and_are_matched_to_what_is_left(dogs: Path, tmp_path: Path):
    reg = tmp_path / "reg" / "1_dog"
    reg.mkdir(parents=True)
    for shade in range(3):
        Image.new("RGB", (64, 64), (0, 0, 50 + shade)).save(reg / f"{shade}.png")
    training, measured = split_subsets(subsets_in(dogs, reg_data_dir=str(tmp_path / "reg")), 0.3, 1)
    assert not [subset for subset in measured if subset.is_reg]
    seen = {is_reg: sum(s.samples for s in training if s.is_reg is is_reg) for is_reg in (True, False)}
    assert seen[True] == seen[False] > 0


def test_a_picture_in_the_validation_folder_and_in_training_is_named(dogs: Path, tmp_path: Path):
    other = tmp_path / "validation" / "renamed.png"
    other.parent.mkdir()
    shutil.copy(dogs / "10_zuko dog" / "3.png", other)
    with pytest.raises(UserError, match="renamed") as error:
        refuse_copies([other], sorted((dogs / "10_zuko dog").iterdir()))
    assert error.value.problems[0].code == "validation_image_in_training"
    refuse_copies([other], [dogs / "10_zuko dog" / "4.png"])


def test_the_split_is_said_by_folder():
    assert per_folder([Path("x/2_cat"), Path("x/1_dog"), Path("x/1_dog")]) == "2 of 1_dog, 1 of 2_cat"

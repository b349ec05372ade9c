"""How often regularisation images are seen, and what they protect."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.pictures import noise_image
from train_core.facts.datasets.regularisation import Registered, bearing, concept_of, match, same_pictures, seen

own_repeats = st.lists(st.integers(1, 30), min_size=1, max_size=30)


def test_seven_images_of_two_repeats_are_matched_to_forty_as_kohyas_trainer_does() -> None:
    assert sorted(match([2] * 7, 40)) == [5, 5, 6, 6, 6, 6, 6]
    assert match([2] * 7, 40) == [6, 6, 6, 6, 6, 5, 5]


@given(own_repeats, st.integers(0, 500))
def test_the_count_is_always_the_training_images(repeats: list[int], target: int) -> None:
    counts = match(repeats, target)
    assert sum(counts) == target
    if sum(repeats) >= target:
        # Too many: taken in order, the last one in part, the rest not at all.
        taken = next((index for index, count in enumerate(counts) if count < repeats[index]), len(counts))
        assert counts[:taken] == repeats[:taken]
        assert not any(counts[taken + 1 :])
    else:
        more = [count - own for count, own in zip(counts, repeats, strict=True)]
        assert max(more) - min(more) <= 1
        assert more == sorted(more, reverse=True)


@given(own_repeats, st.integers(0, 500))
def test_matching_what_is_matched_changes_nothing(repeats: list[int], target: int) -> None:
    once = match(repeats, target)
    assert match(once, target) == once


def test_without_regularisation_images_nothing_is_matched() -> None:
    assert match([], 40) == []


def test_each_dataset_is_matched_to_its_own_training_images() -> None:
    images = [
        Registered(3), Registered(1, is_reg=True), Registered(5, dataset=1), Registered(1, is_reg=True, dataset=1),
        Registered(2), Registered(7, dataset=2),
    ]  # fmt: skip
    assert seen(images) == [3, 5, 5, 5, 2, 7]


def test_a_folder_named_like_the_training_folder_protects_its_class() -> None:
    assert concept_of("zuko dog", ["zuko dog", "mia cat"]) == "dog"
    assert concept_of("Zuko Dog", ["zuko dog"]) == "Dog"


def test_a_folder_named_after_the_class_alone_protects_it() -> None:
    assert concept_of("dog", ["zuko dog"]) == "dog"
    assert concept_of("big dog", ["zuko dog"]) == "big dog"


def test_a_name_of_one_word_stays_what_it_is() -> None:
    assert concept_of("zuko", ["zuko"]) == "zuko"


def test_what_is_trained_bears_the_class_at_its_end() -> None:
    trained = ["zuko dog", "mia Dog", "dog", "hotdog", "dog house", "zuko dog"]
    assert bearing("dog", trained) == ["zuko dog", "mia Dog", "dog"]
    assert bearing("cat", trained) == []


def test_one_picture_in_both_is_told_whatever_it_is_called(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png", "copy of a.png", "copy of b.png")]
    for path, seed in zip(paths, (1, 2, 3, 1, 2), strict=True):
        noise_image((64, 64), seed).save(path)
    found = same_pictures(paths[:2], paths[2:])
    assert [(p.params["training"], p.params["reg"]) for p in found] == [
        (str(paths[0]), str(paths[3])),
        (str(paths[1]), str(paths[4])),
    ]
    assert same_pictures(paths[:1], [paths[2], paths[2]]) == []


def test_of_very_many_pictures_in_both_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number:02d}.png" for number in range(15)]
    for number, path in enumerate(paths):
        noise_image((8, 8), number).save(path)
    found = same_pictures(paths, paths)
    assert [p.code for p in found].count("same_picture_in_regularisation") == 10
    assert (found[-1].code, found[-1].params["count"]) == ("more_same_pictures_in_regularisation", 5)


def test_two_regularisation_folders_may_share_a_picture(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        noise_image((64, 64), 1).save(tmp_path / name)
    noise_image((64, 64), 2).save(tmp_path / "trained.png")
    assert same_pictures([tmp_path / "trained.png"], [tmp_path / "a.png", tmp_path / "b.png"]) == []

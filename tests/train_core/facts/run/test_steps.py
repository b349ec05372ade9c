"""Counting steps, and reaching a target."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.image_settings import DataSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.sections.training import TrainingSettings
from train_core.facts.datasets.folders import ImageFile, ImageFolder
from train_core.facts.datasets.regularisation import Registered
from train_core.facts.datasets.subsets import Subset
from train_core.facts.images.buckets import Group
from train_core.facts.run.steps import MOST_STEPS, Counted, Workload, count_steps, suggest, too_long, workload

WIDE, SQUARE = Group((640, 384)), Group((512, 512))


def counted(group: Group, repeats: int, is_reg: bool = False) -> Counted:
    return Counted(group, Registered(repeats, is_reg))


groups = st.builds(Group, st.sampled_from([(512, 512), (384, 640)]), st.sampled_from([0, 0, 3]))
images = st.lists(st.builds(counted, groups, st.integers(1, 20)), min_size=1, max_size=40)
regularisation = st.lists(st.builds(counted, groups, st.integers(1, 20), st.just(True)), max_size=10)
workloads = st.builds(
    Workload,
    images=st.tuples(images, regularisation).map(lambda both: (*both[0], *both[1])),
    batch_size=st.integers(1, 8),
    accumulation=st.integers(1, 5),
    processes=st.integers(1, 4),
    max_train_epochs=st.integers(1, 20),
    max_train_steps=st.sampled_from([0, 0, 5, 1000]),
)


def test_one_bucket_is_the_formula_people_know() -> None:
    count = count_steps(Workload(images=(counted(SQUARE, 10),) * 20, batch_size=2, max_train_epochs=10))
    assert (count.images, count.samples, count.batches_per_epoch, count.steps_per_epoch) == (20, 200, 100, 100)
    assert (count.total, count.plain, count.epochs, count.reasons) == (1000, 1000, 10, ())


def test_one_short_batch_at_the_end_of_an_epoch_is_said_so() -> None:
    count = count_steps(Workload((counted(SQUARE, 10),) * 15, batch_size=8, max_train_epochs=4))
    assert (count.plain, count.total) == (75, 76)
    assert [reason.code for reason in count.reasons] == ["steps_last_batch"]
    assert "19 batches" in count.reasons[0].text


def test_short_batches_accumulation_and_processes_are_named_as_reasons() -> None:
    work = Workload((counted(SQUARE, 5), counted(WIDE, 5)), 2, accumulation=4, processes=2, max_train_epochs=3)
    count = count_steps(work)
    assert (count.batches_per_epoch, count.steps_per_epoch, count.total) == (4, 1, 3)
    assert count.plain == 15
    assert {reason.code for reason in count.reasons} == {
        "steps_short_batches",
        "steps_processes",
        "steps_accumulation",
    }


def test_max_train_steps_ends_the_run_within_an_epoch() -> None:
    count = count_steps(Workload((counted(SQUARE, 100),), max_train_epochs=10, max_train_steps=250))
    assert (count.total, count.epochs) == (250, 3)
    assert [reason.code for reason in count.reasons] == ["steps_limited"]


def test_steps_alone_decide_the_epochs() -> None:
    count = count_steps(Workload((counted(SQUARE, 100),), max_train_steps=250))
    assert (count.total, count.plain, count.epochs) == (250, 300, 3)
    assert [reason.code for reason in count.reasons] == ["steps_limited"]
    assert count_steps(Workload((counted(SQUARE, 100),), max_train_steps=300)).reasons == ()


@pytest.mark.parametrize(("epochs", "steps", "named"), [
    (MOST_STEPS // 100, 0, ""), (MOST_STEPS // 100 + 1, 0, "max_train_epochs"), (10**11, 1000, ""),
    (0, MOST_STEPS, ""), (0, MOST_STEPS + 1, "max_train_steps"), (10**11, 10**10, "max_train_steps"),
])  # fmt: skip
def test_a_digit_too_many_is_refused_by_the_setting_that_has_it(epochs: int, steps: int, named: str) -> None:
    work = Workload((counted(SQUARE, 100),), max_train_epochs=epochs, max_train_steps=steps)
    found = too_long(work, count_steps(work))
    assert [one.params["name"] for one in found] == ([named] if named else [])


def test_no_images_are_no_steps() -> None:
    assert count_steps(Workload((), max_train_epochs=10)).total == 0
    assert suggest(Workload((), max_train_epochs=10), 1000) == []


@given(workloads)
def test_every_sample_has_a_place_and_every_difference_a_reason(work: Workload) -> None:
    count = count_steps(work)
    largest = max([work.batch_size, *(image.group.batch_size for image in work.images)])
    assert count.batches_per_epoch * largest * work.processes >= count.samples + count.reg_samples
    assert count.reg_samples == (count.samples if any(image.registered.is_reg for image in work.images) else 0)
    assert count.steps_per_epoch * work.accumulation >= count.batches_per_epoch
    assert count.total <= work.max_train_epochs * count.steps_per_epoch
    assert math.ceil(count.total / count.steps_per_epoch) == count.epochs
    assert bool(count.reasons) == (count.total != count.plain)


def test_regularisation_doubles_the_steps_and_is_said_to() -> None:
    count = count_steps(Workload((*(counted(SQUARE, 10),) * 20, *(counted(SQUARE, 1, True),) * 7), max_train_epochs=2))
    assert (count.images, count.samples, count.reg_samples) == (20, 200, 200)
    assert (count.plain, count.total) == (400, 800)
    (reason,) = count.reasons
    assert reason.code == "steps_regularisation"
    assert "doubles" in reason.text


def test_a_dataset_with_its_own_batch_size_is_cut_by_it() -> None:
    own = Group((512, 512), 4)
    count = count_steps(Workload((counted(own, 8), counted(SQUARE, 8)), batch_size=2, max_train_epochs=1))
    assert (count.batches_per_epoch, count.total, count.plain) == (2 + 4, 6, 8)
    assert [reason.code for reason in count.reasons] == ["steps_batch_sizes"]


def test_suggested_repeats_match_regularisation_images_anew() -> None:
    work = Workload((*(counted(SQUARE, 10),) * 10, counted(SQUARE, 1, True)), max_train_epochs=4)
    totals = {s.total for s in suggest(work, 1600)}
    assert 1600 in totals
    assert {(s.epochs, s.repeats) for s in suggest(work, 1600)} >= {(4, ((10, 20),))}


@given(workloads, st.integers(1, 5000))
def test_a_suggestion_keeps_its_word(work: Workload, target: int) -> None:
    for suggestion in suggest(work, target):
        new = dict(suggestion.repeats)
        changed = replace(
            work,
            images=tuple(
                counted(group, own.repeats if own.is_reg else new[own.repeats], own.is_reg)
                for group, own in work.images
            ),
            max_train_epochs=suggestion.epochs,
            max_train_steps=0,
        )
        assert count_steps(changed).total == suggestion.total


def test_suggestions_reach_the_target_by_epochs_or_by_repeats() -> None:
    suggestions = suggest(Workload((counted(SQUARE, 10),) * 15, max_train_epochs=4), 1500)
    assert {(s.epochs, s.repeats, s.total) for s in suggestions} == {
        (10, ((10, 10),), 1500),
        (4, ((10, 25),), 1500),
    }


def test_one_step_can_be_aimed_at_and_none_cannot() -> None:
    work = Workload((counted(SQUARE, 10),) * 2, max_train_epochs=4)
    assert suggest(work, 0) == []
    assert min(s.total for s in suggest(work, 1)) == 8  # two images, once in each of four epochs


def test_of_equally_near_suggestions_the_one_that_leaves_repeats_alone_comes_first() -> None:
    for epochs, repeats in ((4, 25), (20, 5)):
        work = Workload((counted(SQUARE, 10),) * 15, max_train_epochs=epochs)
        found = [(s.epochs, s.repeats) for s in suggest(work, 1500)]
        assert found == [(10, ((10, 10),)), (epochs, ((10, repeats),))]


def test_the_nearest_suggestion_comes_first_and_ten_epochs_are_offered_too() -> None:
    work = Workload((counted(SQUARE, 10),) * 15, max_train_epochs=4)
    found = [(s.epochs, s.repeats, s.total) for s in suggest(work, 1700)]
    assert found == [(4, ((10, 28),), 1680), (11, ((10, 10),), 1650), (10, ((10, 11),), 1650)]


def test_the_workload_comes_from_subsets_and_settings(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path, 3, "x", (ImageFile(tmp_path / "a.png", None, (1920, 1080)),) * 2)
    subset = Subset(folder, DataSettings(DatasetSettings(resolution="512")), (3, 3), dataset=1, batch_size=5)
    training = TrainingSettings(train_batch_size=2, gradient_accumulation_steps=3, max_train_epochs=5)
    work = workload([subset], training, processes=2)
    images = (Counted(Group((640, 384), 5), Registered(3, dataset=1)),) * 2
    assert work == Workload(images, 2, 3, 2, max_train_epochs=5, max_train_steps=0)

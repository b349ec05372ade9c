"""Step arithmetic: a run's optimizer steps, why they differ from the usual formula, and how to reach a target."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from train_core.config.problems import Problem, problem
from train_core.config.sections.training import TrainingSettings
from train_core.facts.datasets.regularisation import Registered, seen
from train_core.facts.datasets.subsets import Subset
from train_core.facts.images.buckets import Group

MOST_STEPS = 100_000_000  # of a run: at ten a second they take four months


class Counted(NamedTuple):
    """One image: what it shares batches with, and its own repeats, in which it may be a regularisation image."""

    group: Group
    registered: Registered


@dataclass(frozen=True)
class Workload:
    """Inputs of the step count. Groups without a batch size of their own take `batch_size`."""

    images: tuple[Counted, ...]
    batch_size: int = 1
    accumulation: int = 1
    processes: int = 1
    max_train_epochs: int = 0
    max_train_steps: int = 0


@dataclass(frozen=True)
class StepCount:
    """The arithmetic of a run. `plain` is images x repeats x epochs / batch, rounded up; `total` is what really runs.

    `images` are training images alone, and `samples` those with their repeats; `reg_samples` are regularisation images
    with theirs. `reasons` say why `total` is not `plain`, and are empty when it is.
    """

    images: int
    samples: int
    batches_per_epoch: int
    steps_per_epoch: int
    epochs: int
    total: int
    plain: int
    reasons: tuple[Problem, ...]
    reg_samples: int = 0


@dataclass(frozen=True)
class Suggestion:
    """A way to come near a target: that many epochs, with repeats changed as the pairs (now, then) say."""

    epochs: int
    repeats: tuple[tuple[int, int], ...]
    total: int


def workload(subsets: Iterable[Subset], training: TrainingSettings, processes: int = 1) -> Workload:
    """The workload of training on `subsets` with these settings."""
    images = tuple(
        Counted(group, Registered(one.folder.repeats, one.is_reg, one.dataset))
        for one in subsets
        for group in one.groups()
    )
    return workload_of(images, training, processes)


def workload_of(images: tuple[Counted, ...], training: TrainingSettings, processes: int) -> Workload:
    """The same for `images` whose buckets are known."""
    return Workload(
        images=images,
        batch_size=training.train_batch_size,
        accumulation=training.gradient_accumulation_steps,
        processes=processes,
        max_train_epochs=training.max_train_epochs,
        max_train_steps=training.max_train_steps,
    )


def count_steps(work: Workload) -> StepCount:
    """The steps that `work` takes: batches are cut per bucket and shared by the processes, none is dropped.

    Gradient accumulation ends with the epoch, so an epoch's last step may gather fewer batches. `epochs` counts the
    last one even if max_train_steps ends it early. Without images everything is 0.
    """
    per_group: Counter[Group] = Counter()
    for image, count in zip(work.images, seen([image.registered for image in work.images]), strict=True):
        per_group[image.group] += count
    trained = [image.registered.repeats for image in work.images if not image.registered.is_reg]
    samples = sum(trained)
    batches = sum(
        math.ceil(count / (work.processes * (group.batch_size or work.batch_size)))
        for group, count in per_group.items()
    )
    per_epoch = math.ceil(batches / work.accumulation)
    limits = [limit for limit in (work.max_train_epochs * per_epoch, work.max_train_steps) if limit]
    total = min(limits) if per_epoch and limits else 0
    epochs = math.ceil(total / per_epoch) if per_epoch else 0
    plain = math.ceil(samples * (work.max_train_epochs or epochs) / work.batch_size)
    counted = StepCount(
        len(trained), samples, batches, per_epoch, epochs, total, plain, (), per_group.total() - samples
    )
    return counted if total == plain else replace(counted, reasons=tuple(_reasons(work, counted)))


def too_long(work: Workload, count: StepCount) -> list[Problem]:
    """The problem of a run that is longer than any training, as one digit too many makes it; none of other runs."""
    if count.total <= MOST_STEPS:
        return []
    name = "max_train_steps" if count.total == work.max_train_steps else "max_train_epochs"
    return [
        problem(
            "too_many_steps",
            "{name} = {value} makes {steps} steps, more than any training takes. At most {most} are allowed.",
            name=name, value=getattr(work, name), steps=f"{count.total:,}", most=f"{MOST_STEPS:,}",
        )
    ]


def suggest(work: Workload, target: int) -> list[Suggestion]:
    """Up to three ways to come near `target` steps, nearest first: other epochs, other repeats, or ten epochs.

    Repeats of several folders keep their proportions as well as whole numbers allow. Empty without images or target.
    """
    now = count_steps(replace(work, max_train_epochs=1, max_train_steps=0))
    if not now.total or target < 1:
        return []
    same_repeats = tuple((repeats, repeats) for repeats in _distinct_repeats(work))
    epochs = max(1, round(target / now.steps_per_epoch))
    found = {Suggestion(epochs, same_repeats, epochs * now.steps_per_epoch)}
    for kept_epochs in {work.max_train_epochs or 10, 10}:
        found.add(_best_repeats(work, kept_epochs, target))
    return sorted(found, key=lambda s: (abs(s.total - target), s.repeats != same_repeats, s.epochs))


def _reasons(work: Workload, count: StepCount) -> Iterable[Problem]:
    if count.reg_samples == count.samples:
        yield problem(
            "steps_regularisation",
            "Regularisation images are matched to the training images: each epoch sees {samples} of each, which "
            "doubles the steps.",
            samples=count.samples,
        )
    elif count.reg_samples:
        yield problem(
            "steps_regularisation_in_part",
            "Each epoch also sees {reg_samples} regularisation images, matched to the training images of their "
            "dataset.",
            reg_samples=count.reg_samples,
        )
    yield from _batch_reasons(work, count)
    if work.processes > 1:
        yield problem(
            "steps_processes",
            "{processes} processes work on each step together.",
            processes=work.processes,
        )
    if work.accumulation > 1:
        yield problem(
            "steps_accumulation",
            "{accumulation} batches make one step, fewer at the end of an epoch: {steps} steps per epoch.",
            accumulation=work.accumulation,
            steps=count.steps_per_epoch,
        )
    if 0 < work.max_train_steps < (work.max_train_epochs or count.epochs) * count.steps_per_epoch:
        yield problem(
            "steps_limited",
            "max_train_steps ends the run after {steps} steps.",
            steps=work.max_train_steps,
        )


def _batch_reasons(work: Workload, count: StepCount) -> Iterable[Problem]:
    """Reasons why the number of batches is not samples divided by batch size."""
    own_sizes = sorted({image.group.batch_size for image in work.images} - {0, work.batch_size})
    batches, samples = count.batches_per_epoch, count.samples + count.reg_samples
    size = work.batch_size * work.processes
    even = math.ceil(samples / size)
    if own_sizes:
        yield problem(
            "steps_batch_sizes",
            "The dataset file sets its own batch sizes, {sizes}: {batches} batches per epoch.",
            sizes=", ".join(map(str, own_sizes)),
            batches=batches,
        )
    elif batches == even and batches * size != samples:
        yield problem(
            "steps_last_batch",
            "Images are not carried over to the next epoch, so the last of each epoch's {batches} batches is short.",
            batches=batches,
        )
    elif batches != even:
        yield problem(
            "steps_short_batches",
            "A batch takes its images from one bucket only, and none are carried over to the next epoch, so some "
            "batches are short: {batches} batches per epoch instead of {even}.",
            batches=batches,
            even=even,
        )


def _distinct_repeats(work: Workload) -> list[int]:
    return sorted({image.registered.repeats for image in work.images if not image.registered.is_reg})


def _best_repeats(work: Workload, epochs: int, target: int) -> Suggestion:
    """The suggestion that keeps `epochs` and scales all repeats by the factor that comes nearest to `target`."""
    old = _distinct_repeats(work)
    once = replace(work, max_train_epochs=1, max_train_steps=0)
    guess = round(old[0] * target / (epochs * count_steps(once).steps_per_epoch))
    candidates = []
    for first in {max(1, guess - 1), max(1, guess), guess + 1}:
        new = {repeats: max(1, round(repeats * first / old[0])) for repeats in old}
        images = tuple(image._replace(registered=_repeated(image.registered, new)) for image in work.images)
        total = epochs * count_steps(replace(once, images=images)).steps_per_epoch
        candidates.append(Suggestion(epochs, tuple(new.items()), total))
    return min(candidates, key=lambda s: (abs(s.total - target), s.repeats))


def _repeated(image: Registered, new: Mapping[int, int]) -> Registered:
    """`image` with new repeats for its old ones; regularisation images are matched anew by themselves."""
    return image if image.is_reg else image._replace(repeats=new[image.repeats])

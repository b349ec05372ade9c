"""How many optimizer steps a run has, why that differs from the formula people know, and how to reach a target."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from train_core.config.problems import Problem, problem
from train_core.config.sections.training import TrainingSettings
from train_core.facts.buckets import BucketRules, Size, assign
from train_core.facts.folders import ImageFolder


@dataclass(frozen=True)
class Workload:
    """What decides the number of steps. `images` holds bucket and repeats of each image."""

    images: tuple[tuple[Size, int], ...]
    batch_size: int = 1
    accumulation: int = 1
    processes: int = 1
    max_train_epochs: int = 0
    max_train_steps: int = 0


@dataclass(frozen=True)
class StepCount:
    """The arithmetic of a run. `plain` is images x repeats x epochs / batch, rounded up; `total` is what really runs.

    `samples` are images with their repeats; `reasons` say why `total` is not `plain`, and are empty when it is.
    """

    images: int
    samples: int
    batches_per_epoch: int
    steps_per_epoch: int
    epochs: int
    total: int
    plain: int
    reasons: tuple[Problem, ...]


@dataclass(frozen=True)
class Suggestion:
    """A way to come near a target: that many epochs, with repeats changed as the pairs (now, then) say."""

    epochs: int
    repeats: tuple[tuple[int, int], ...]
    total: int


def workload(
    folders: Iterable[ImageFolder], rules: BucketRules, training: TrainingSettings, processes: int = 1
) -> Workload:
    """The workload of training on `folders` with these settings."""
    images = tuple((assign(image.size, rules).bucket, folder.repeats) for folder in folders for image in folder.images)
    return workload_of(images, training, processes)


def workload_of(images: tuple[tuple[Size, int], ...], training: TrainingSettings, processes: int) -> Workload:
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
    per_bucket: Counter[Size] = Counter()
    for bucket, repeats in work.images:
        per_bucket[bucket] += repeats
    samples = per_bucket.total()
    batches = sum(math.ceil(count / (work.batch_size * work.processes)) for count in per_bucket.values())
    per_epoch = math.ceil(batches / work.accumulation)
    limits = [limit for limit in (work.max_train_epochs * per_epoch, work.max_train_steps) if limit]
    total = min(limits) if per_epoch and limits else 0
    epochs = math.ceil(total / per_epoch) if per_epoch else 0
    plain = math.ceil(samples * (work.max_train_epochs or epochs) / work.batch_size)
    reasons = () if total == plain else tuple(_reasons(work, samples, batches, per_epoch))
    return StepCount(len(work.images), samples, batches, per_epoch, epochs, total, plain, reasons)


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
    return sorted(found, key=lambda s: (abs(s.total - target), s.repeats != same_repeats, s.epochs))[:3]


def _reasons(work: Workload, samples: int, batches: int, per_epoch: int) -> Iterable[Problem]:
    global_batch = work.batch_size * work.processes
    even = math.ceil(samples / global_batch)
    if batches == even and batches * global_batch != samples:
        yield problem(
            "steps_last_batch",
            "No image waits for the next epoch, so the last of an epoch's {batches} batches is short.",
            batches=batches,
        )
    elif batches != even:
        yield problem(
            "steps_short_batches",
            "A batch holds images of one bucket only and no image waits for the next epoch, so some batches are "
            "short: {batches} batches an epoch instead of {even}.",
            batches=batches,
            even=even,
        )
    if work.processes > 1:
        yield problem(
            "steps_processes",
            "{processes} processes work on each step together.",
            processes=work.processes,
        )
    if work.accumulation > 1:
        yield problem(
            "steps_accumulation",
            "{accumulation} batches make one step, fewer at the end of an epoch: {steps} steps an epoch.",
            accumulation=work.accumulation,
            steps=per_epoch,
        )
    if work.max_train_steps and work.max_train_steps < work.max_train_epochs * per_epoch:
        yield problem(
            "steps_limited",
            "max_train_steps ends the run after {steps} steps.",
            steps=work.max_train_steps,
        )


def _distinct_repeats(work: Workload) -> list[int]:
    return sorted({repeats for _, repeats in work.images})


def _best_repeats(work: Workload, epochs: int, target: int) -> Suggestion:
    """The suggestion that keeps `epochs` and scales all repeats by the factor that comes nearest to `target`."""
    old = _distinct_repeats(work)
    once = replace(work, max_train_epochs=1, max_train_steps=0)
    guess = round(old[0] * target / (epochs * count_steps(once).steps_per_epoch))
    candidates = []
    for first in {max(1, guess - 1), max(1, guess), guess + 1}:
        new = {repeats: max(1, round(repeats * first / old[0])) for repeats in old}
        images = tuple((bucket, new[repeats]) for bucket, repeats in work.images)
        total = epochs * count_steps(replace(once, images=images)).steps_per_epoch
        candidates.append(Suggestion(epochs, tuple(new.items()), total))
    return min(candidates, key=lambda s: (abs(s.total - target), s.repeats))

"""Regularisation images: how often each is seen, what they protect, and pictures that must not be among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from train_core.config.problems import Problem, problem
from train_core.facts.images.image_files import content_hashes

_MOST_NAMED = 10  # someone may choose the training folder for regularisation as well


class Registered(NamedTuple):
    """One image as it is counted: its own repeats, whether for regularisation, and in which dataset."""

    repeats: int
    is_reg: bool = False
    dataset: int = 0


def seen(images: Sequence[Registered]) -> list[int]:
    """Count how often an epoch sees each image: in every dataset as many regularisation images as training images."""
    counts = [image.repeats for image in images]
    for dataset in {image.dataset for image in images if image.is_reg}:
        own = [index for index, image in enumerate(images) if image.dataset == dataset]
        regular = [index for index in own if images[index].is_reg]
        wanted = sum(counts[index] for index in own if not images[index].is_reg)
        for index, count in zip(regular, match([counts[index] for index in regular], wanted), strict=True):
            counts[index] = count
    return counts


def match(repeats: Sequence[int], target: int) -> list[int]:
    """Count how often each image with these `repeats` is seen, so that they are seen `target` times together.

    As kohya's trainer does it: images are taken in order with their own repeats until the target is reached, and what
    is left over is not seen; if all of them do not reach it, each in turn is seen once more until they do. Where the
    last image taken would go beyond the target, its repeats are cut, so that the count is exact.
    """
    counts = []
    left = target
    for own in repeats:
        counts.append(min(own, left))
        left -= counts[-1]
    for index in cycle(range(len(counts))):
        if not left:
            break
        counts[index] += 1
        left -= 1
    return counts


def class_of(tokens: str) -> str:
    """The class in a training folder's class tokens, `<trigger> <class>`; "" if they are one word."""
    return tokens.partition(" ")[2].strip()


def concept_of(tokens: str, trained: Iterable[str]) -> str:
    """Concept of regularisation images in a folder named `tokens`, beside folders that are `trained` on.

    Both ways of naming them are understood: the class alone, or the same name as the training folder. Its trigger word
    is then left out, since images of the class in general must not be called by it.
    """
    same = tokens.lower() in {other.lower() for other in trained}
    return class_of(tokens) or tokens if same else tokens


def bearing(concept: str, trained: Iterable[str]) -> list[str]:
    """Filter the `trained` class tokens for those that are `concept`, or end with it as their class."""
    ending = f" {concept.lower()}"
    return [other for other in dict.fromkeys(trained) if f" {other.lower()}".endswith(ending)]


def same_pictures(training: Sequence[Path], regularisation: Sequence[Path]) -> list[Problem]:
    """A problem for each picture that is both trained on and a regularisation image, going by the files' bytes.

    Only files of equal size are read, and what was read is remembered. Of very many the first are named.
    """
    sizes = {path.stat().st_size for path in training} & {path.stat().st_size for path in regularisation}
    suspects = [path for path in dict.fromkeys((*training, *regularisation)) if path.stat().st_size in sizes]
    hashes = content_hashes(suspects)
    trained = {hashes[path]: path for path in reversed(training) if path in hashes}
    both = [path for path in dict.fromkeys(regularisation) if hashes.get(path) in trained]
    named = [
        problem(
            "same_picture_in_regularisation",
            "{reg} is the same picture as {training}. A regularisation image must not be trained on: remove it from "
            "one of the two folders.",
            reg=str(path),
            training=str(trained[hashes[path]]),
        )
        for path in both[:_MOST_NAMED]
    ]
    return named if len(both) <= _MOST_NAMED else [*named, _more(len(both) - _MOST_NAMED, both[_MOST_NAMED].parent)]


def _more(count: int, folder: Path) -> Problem:
    return problem(
        "more_same_pictures_in_regularisation",
        "{count} more regularisation images are also training images, the next of them in {folder}. If both are the "
        "same folder, choose another reg_data_dir or clear it.",
        count=count,
        folder=str(folder),
    )

"""Missing class images: how many of each class, where they go, and the seed of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from train_core.config.existing import is_dir
from train_core.config.file_names import FORBIDDEN
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.class_images import ClassImagesConfig
from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.facts.datasets import layout
from train_core.facts.datasets.regularisation import class_of, concept_of
from train_core.facts.datasets.subsets import survey
from train_core.facts.preflight import Findings, examine
from train_core.facts.prompts.prompt_lines import PromptDefaults, SamplePrompt
from train_core.facts.run.writable import unwritable
from train_core.facts.seeds import seed_for

OWN_NAME = re.compile(r"(\d{5})-\d+\.png")


@dataclass(frozen=True)
class ClassImage:
    """A picture to make: where, and of what; its prompt has a seed."""

    path: Path
    prompt: SamplePrompt


@dataclass(frozen=True)
class ClassFolder:
    """One class: its name, its folder, how many images there are and should be, and those that are missing."""

    name: str
    path: Path
    there: int
    wanted: int
    missing: tuple[ClassImage, ...]


def examine_class_images(config: ClassImagesConfig, run_dir: Path | None = None) -> Findings:
    """Findings before class images are made: the training's, and whether the images name a class and can be written."""
    findings = examine(config, run_dir)
    if findings.problems:
        return findings
    try:
        folders = class_folders(config)
    except UserError as error:
        return replace(findings, problems=error.problems)
    refused = (unwritable(folder.missing[0].path) for folder in folders if folder.missing)
    return replace(findings, problems=tuple(found for found in refused if found))


def class_folders(config: ClassImagesConfig) -> list[ClassFolder]:
    """Class folders to fill for the images of `config`.

    A picture's seed follows from the run's seed, its class and its number alone, and its name holds both; so a run that
    was interrupted goes on with the next, and one picture deleted is made again as it was. Raises `UserError` when the
    images name no class.
    """
    sources = survey(DataSettings.of(config))
    raise_if_any(sources.problems)
    seen: Counter[str] = Counter()
    for subset in sources.subsets:
        seen[_class_named(subset.folder.class_tokens, config.class_images.class_prompt)] += subset.samples
    nameless = seen.pop("", 0)
    if nameless or not seen:
        raise UserError(_no_class())
    names = [subset.folder.class_tokens for subset in sources.subsets]
    return [_folder(name, config.class_images.num_class_images or count, config, names) for name, count in seen.items()]


def _class_named(tokens: str, class_prompt: str) -> str:
    """The class of a training folder; for a folder that names none, the prompt is the class."""
    plain = "" if "{class}" in class_prompt else class_prompt.strip()
    return class_of(tokens) or plain


def _folder(name: str, wanted: int, config: ClassImagesConfig, trained: list[str]) -> ClassFolder:
    parent = Path(config.class_images.class_data_dir)
    there_now = layout.image_folders(parent) if is_dir(parent) else []
    alike = [f.path for f in there_now if concept_of(f.class_tokens, trained).lower() == name.lower()]
    folder = alike[0] if alike else parent / f"1_{FORBIDDEN.sub('_', name).strip(' .')}"
    there = sum(len(layout.images_in(path)) for path in alike)
    images = _unmade(folder, name, config)
    missing = tuple(next(images) for _ in range(max(0, wanted - there)))
    return ClassFolder(name, folder, there, wanted, missing)


def _unmade(folder: Path, name: str, config: ClassImagesConfig) -> Iterator[ClassImage]:
    """The pictures of a class by their numbers, without those that are in the folder."""
    made, seed = config.class_images, config.training.seed
    pictures = layout.images_in(folder) if is_dir(folder) else []
    there = {int(match[1]) for path in pictures if (match := OWN_NAME.fullmatch(path.name))}
    size = PromptDefaults.at(config.dataset.resolution, made.class_sampler)
    text = (made.class_prompt.strip() or name).replace("{class}", name)
    number = 0
    while True:
        if number not in there:
            own = seed_for(seed, 0, number, f"class image {name}") % 2**32
            prompt = SamplePrompt(
                text, made.class_negative_prompt, size.width, size.height, own, made.class_sample_steps,
                made.class_scale, made.class_sampler,
            )  # fmt: skip
            yield ClassImage(folder / f"{number:05d}-{own}.png", prompt)
        number += 1


def _no_class() -> Problem:
    return problem(
        "no_class_named",
        "The class is not known. It comes from image folders named <repeats>_<trigger> <class>, such as 10_zuko dog. "
        "Rename yours, or set {name} to what the images show in general, such as dog.",
        name="class_prompt",
    )

"""The sample prompts of a training with the files that they name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError, problems_of
from train_core.facts.prompts.network_files import NamedFiles
from train_core.facts.prompts.network_tags import NetworkTag
from train_core.facts.prompts.prompt_lines import PromptDefaults, SamplePrompt, parse_prompts
from train_core.facts.prompts.prompt_warnings import prompt_warnings
from train_core.facts.prompts.to_draw import ToDraw, look_into, with_files
from train_core.facts.prompts.wildcards import NO_FILES
from train_core.facts.run.result_names import is_result_of
from train_core.facts.seeds import sample_seed


def samples_to_draw(config: TrainConfig, kind: str | None) -> list[ToDraw]:
    """The sample prompts; with folders, also their seeds and files for a base model of this `kind`, if it is known.

    Tags that name results of the training itself load nothing, since what is trained is on the model. Raises UserError
    for bad prompts and for files that are missing.
    """
    prompts, folders = _prompts(config), config.applicable().get("sample_folders")
    if not folders or kind is None:
        return [ToDraw(prompt) for prompt in prompts]
    seeded = [
        replace(prompt, seed=sample_seed(config.training.seed, index) if prompt.seed is None else prompt.seed)
        for index, prompt in enumerate(prompts)
    ]
    files = NamedFiles.within(folders, "sample_folders")
    return with_files(seeded, files, kind, NO_FILES, partial(_is_own, config))


def examine_samples(config: TrainConfig, kind: str | None) -> tuple[list[Problem], list[Problem]]:
    """Problems of the sample prompts and their files, and warnings of what in them does not do what it seems to."""
    try:
        drawn = samples_to_draw(config, kind)
    except UserError as error:
        return list(error.problems), []
    files = {path: tag for one in drawn for tag, path in one.networks}
    broken = [found for path, tag in files.items() for found in problems_of(partial(look_into, tag, path))]
    prompts, loads = [one.prompt for one in drawn], bool(config.applicable().get("sample_folders"))
    return broken, prompt_warnings(prompts, loads, partial(_is_own, config))


def _prompts(config: TrainConfig) -> list[SamplePrompt]:
    samples = config.samples
    defaults = PromptDefaults.at(config.dataset.resolution, samples.sample_sampler, samples.sample_spacing)
    return parse_prompts(samples.sample_prompts, defaults)


def _is_own(config: TrainConfig, tag: NetworkTag) -> bool:
    """Whether the tag names what is being trained."""
    return any(is_result_of(stem, config.output.output_name) for stem in (tag.name, Path(tag.name).stem))

"""Prompts with the files that they name: what a picture is drawn with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from train_core.config.problems import Problem, UserError, problem, problems_of, raise_if_any
from train_core.config.syntax.block_weights import Strength, parse_strength, read_own_lines
from train_core.facts.adapters.hypernetwork_files import read_hypernetwork
from train_core.facts.models.headers import identify_file
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.facts.prompts.network_files import NamedFiles, is_embedding
from train_core.facts.prompts.network_tags import NetworkTag, without_networks
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.wildcards import Wildcards


@dataclass(frozen=True)
class ToDraw:
    """A prompt, its networks with their files, and the files of the embeddings that it names, by word."""

    prompt: SamplePrompt
    networks: tuple[tuple[NetworkTag, Path], ...] = ()
    words: dict[str, Path] = field(default_factory=dict)


def look_into(tag: NetworkTag, path: Path) -> None:
    """Raise UserError where the file cannot be what the tag takes it for."""
    if tag.kind == "hypernet":
        read_hypernetwork(path)
    elif is_embedding(path):
        raise UserError(
            problem(
                "network_is_embedding",
                "{text}: {file} is an embedding. Write its name as a word, without < and >.",
                text=tag.text, file=path.name,
            )
        )
    elif identify_file(read_tensor_file(path), beside=False).is_base_model:
        raise UserError(
            problem(
                "network_is_model",
                "{text}: {file} is a base model, not an adapter. Choose it as the base model, or name it on an axis of "
                "a grid such as base: {file}",
                text=tag.text, file=path.name,
            )
        )


def with_files(
    prompts: Iterable[SamplePrompt], files: NamedFiles, kind: str, wildcards: Wildcards,
    left_out: Callable[[NetworkTag], bool] = lambda tag: False,
) -> list[ToDraw]:  # fmt: skip
    """`prompts`, which have seeds, with what these choose in them and those of `files` that they name then.

    Tags that are `left_out` load nothing. Raises UserError with all missing files and bad block weights for a base
    model of this `kind`.
    """
    tags = [
        (prompt, [tag for tag in _tags(prompt) if not left_out(tag)]) for prompt in map(wildcards.resolved, prompts)
    ]
    every = [tag for _, its in tags for tag in its]
    raise_if_any([*files.missing(every), *_block_problems(every, kind)])
    return [
        ToDraw(
            prompt, tuple((tag, path) for tag in its if (path := files.network(tag)) is not None),
            files.words_in([prompt.prompt, prompt.negative_prompt]),
        )
        for prompt, its in tags
    ]  # fmt: skip


def strength_of(tag: NetworkTag, kind: str) -> Strength:
    """How strong a network is in each block of a base model of this `kind`. Raises UserError for bad block weights."""
    return parse_strength(tag.blocks, kind, read_own_lines()) if tag.blocks else Strength()


def _tags(prompt: SamplePrompt) -> list[NetworkTag]:
    return [tag for text in (prompt.prompt, prompt.negative_prompt) for tag in without_networks(text).networks]


def _block_problems(tags: Iterable[NetworkTag], kind: str) -> list[Problem]:
    return [found for tag in dict.fromkeys(tags) for found in problems_of(partial(strength_of, tag, kind))]

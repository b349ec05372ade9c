"""What a picture's prompts ask in which steps, as people count them, and how often samplers ask the model in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from train_core.facts.prompts.asked import Asked, asked, compose
from train_core.facts.prompts.network_tags import NetworkTag, without_networks
from train_core.facts.prompts.prompt_lines import SamplePrompt

ASK_TWICE = frozenset({"heun", "dpm_2", "dpm_2_a", "dpmsingle", "dpmpp_2s_a", "dpmpp_sde"})


@dataclass(frozen=True)
class Stage:
    """From step `first` to `last`, counted from 1, `texts` are asked for, as a prompt writes them.

    Tags of networks that act in these steps and not in all stand behind. `hires` is the second pass.
    """

    first: int
    last: int
    texts: str
    negative: str
    hires: bool = False

    @property
    def steps(self) -> str:
        """The steps in words."""
        return f"{'hires ' if self.hires else ''}{self.first}–{self.last}"


def calls_per_step(sampler: str) -> int:
    """How often a sampler asks the model in a step, the last one aside, which goes to no noise in one call."""
    return 2 if sampler.removeprefix("k_") in ASK_TWICE else 1


def asked_in_both_passes(prompt: SamplePrompt) -> tuple[list[Asked], list[Asked]]:
    """What is asked in each call of the first pass and of the second, if there is one."""
    calls, hires = calls_per_step(prompt.sampler), prompt.hires
    first = calls * prompt.steps
    second = calls * hires.steps_after(prompt.steps) if hires else 0
    texts = prompt.prompt, prompt.negative_prompt
    return asked(*texts, first), asked(*texts, second, earlier=first) if second else []


def stages(prompt: SamplePrompt) -> list[Stage]:
    """What is asked in all steps, in their order."""
    tags = [
        tag for text in (prompt.prompt, prompt.negative_prompt)
        for tag in without_networks(text).networks if tag.changes
    ]  # fmt: skip
    first, second = asked_in_both_passes(prompt)
    found = [*_of_pass(first, calls_per_step(prompt.sampler), tags, hires=False)]
    return [*found, *(_of_pass(second, calls_per_step(prompt.sampler), tags, hires=True) if second else ())]


def changing(prompts: Iterable[SamplePrompt]) -> Iterator[tuple[int, Stage]]:
    """The stages of prompts that change meanwhile or join several texts, each with its prompt's number, from 1."""
    for number, prompt in enumerate(prompts, 1):
        found = stages(prompt)
        if len(found) > 1 + found[-1].hires or len(compose(prompt.prompt)) > 1:
            yield from ((number, one) for one in found)


def _of_pass(said: list[Asked], calls: int, tags: list[NetworkTag], hires: bool) -> Iterator[Stage]:
    steps = said[-1].last // calls
    made = calls * (steps - 1) + 1
    asked_at, ahead = [], iter(said)
    now = next(ahead)
    for call in range(made):
        if call > now.last:
            now = next(ahead)
        acting = "".join(tag.text for tag in tags if tag.acts(call // calls + 1, steps))
        asked_at.append((call // calls + 1, f"{now.in_words()} {acting}" if acting else now.in_words(), now.negative))
    for (texts, negative), group in groupby(asked_at, key=lambda one: one[1:]):
        its = [step for step, *_ in group]
        yield Stage(its[0], its[-1], texts, negative, hires)

"""What in prompts does not do what it seems to ask for, or more of it than looks good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from train_core.config.problems import Problem, problem
from train_core.facts.prompts.asked import compose
from train_core.facts.prompts.attention_syntax import parse_weighted
from train_core.facts.prompts.network_tags import without_networks
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.scheduling import schedule, unread

HIGH_EMPHASIS = 1.5  # above, pictures tend to break


def prompt_warnings(prompts: Sequence[SamplePrompt]) -> list[Problem]:
    """Warnings on `prompts`, which are drawn all the same."""
    return [warning for number, prompt in enumerate(prompts, 1) for warning in _warnings(number, prompt)]


def _warnings(number: int, prompt: SamplePrompt) -> Iterator[Problem]:
    for text in (prompt.prompt, prompt.negative_prompt):
        tagged = without_networks(text)
        for bracket in dict.fromkeys(unread(tagged.prompt)):
            yield problem(
                "prompt_bracket_unread",
                "Sample prompt {number}: {text} is drawn as words, since it is no change. From one thing to another is "
                "[this:that:0.5], by turns is [this|that].",
                number=number, text=bracket,
            )  # fmt: skip
        for tag in dict.fromkeys(tagged.unread):
            yield problem(
                "prompt_tag_unread",
                "Sample prompt {number}: {text} is drawn as words, since it names no network. Write <lora:name:0.8>.",
                number=number, text=tag,
            )  # fmt: skip
        if tagged.networks:
            yield problem(
                "prompt_networks_unloaded",
                "Sample prompt {number}: {text} is left out. What is trained is on the model anyway, and pictures "
                "during a training are drawn with nothing else.",
                number=number, text=", ".join(dict.fromkeys(tag.text for tag in tagged.networks)),
            )  # fmt: skip
        yield from _high_emphasis(number, tagged.prompt)


def _high_emphasis(number: int, text: str) -> Iterator[Problem]:
    stages = dict.fromkeys(said for part, _ in compose(text) for _, said in schedule(part, 100))
    heavy = {piece.strip(" ,"): weight for said in stages for piece, weight in parse_weighted(said)}
    for piece, weight in heavy.items():
        if weight > HIGH_EMPHASIS and piece:
            yield problem(
                "prompt_high_emphasis",
                "Sample prompt {number}: {text} has a weight of {weight}. Above {most}, pictures tend to break.",
                number=number, text=piece, weight=round(weight, 2), most=HIGH_EMPHASIS,
            )  # fmt: skip

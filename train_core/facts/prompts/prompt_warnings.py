"""What in prompts does not do what it seems to ask for, or more of it than looks good."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from train_core.config.problems import Problem, problem
from train_core.facts.prompts.asked import compose
from train_core.facts.prompts.attention_syntax import parse_weighted
from train_core.facts.prompts.network_tags import HIGH_WEIGHT, NetworkTag, without_networks
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.scheduling import schedule, unread
from train_core.facts.prompts.wildcards import WILDCARD

HIGH_EMPHASIS = 1.5  # above, pictures tend to break


def prompt_warnings(
    prompts: Sequence[SamplePrompt], loads_networks: bool = False,
    left_out: Callable[[NetworkTag], bool] = lambda tag: False,
) -> list[Problem]:  # fmt: skip
    """Warnings on `prompts`, which are drawn all the same, with the networks that they name or without.

    Networks that are `left_out` are not loaded in any case.
    """

    def loaded(tag: NetworkTag) -> bool:
        return loads_networks and not left_out(tag)

    return [
        warning for number, prompt in enumerate(prompts, 1) for text in (prompt.prompt, prompt.negative_prompt)
        for warning in (
            *_about_text(number, text),
            *_about_networks(number, without_networks(text).networks, prompt, loaded),
        )
    ]  # fmt: skip


def _about_networks(
    number: int, networks: Sequence[NetworkTag], prompt: SamplePrompt, loaded: Callable[[NetworkTag], bool]
) -> Iterator[Problem]:
    yield from _unloaded(number, [tag for tag in networks if not loaded(tag)])
    yield from _odd_networks(number, [tag for tag in networks if loaded(tag)], prompt)


def _about_text(number: int, text: str) -> Iterator[Problem]:
    tagged = without_networks(text)
    for bracket in dict.fromkeys(unread(tagged.prompt)):
        yield problem(
            "prompt_bracket_unread",
            "Prompt {number}: {text} is drawn as words, since it is no change. From one thing to another is "
            "[this:that:0.5], by turns is [this|that].",
            number=number, text=bracket,
        )  # fmt: skip
    for name in dict.fromkeys(found[0] for found in WILDCARD.finditer(tagged.prompt)):
        yield problem(
            "prompt_wildcard_unread",
            "Prompt {number}: {text} is drawn as words, since no folder of wildcards has a file of that name.",
            number=number, text=name,
        )  # fmt: skip
    for tag in dict.fromkeys(tagged.unread):
        yield problem(
            "prompt_tag_unread",
            "Prompt {number}: {text} is drawn as words, since it names no network. Write <lora:name:0.8>.",
            number=number, text=tag,
        )  # fmt: skip
    yield from _high_emphasis(number, tagged.prompt)


def _unloaded(number: int, networks: Sequence[NetworkTag]) -> Iterator[Problem]:
    if networks:
        yield problem(
            "prompt_networks_unloaded",
            "Prompt {number}: {text} is left out. What is trained is on the model anyway; other networks are loaded if "
            "sample_folders says where they are.",
            number=number, text=", ".join(dict.fromkeys(tag.text for tag in networks)),
        )  # fmt: skip


def _odd_networks(number: int, networks: Sequence[NetworkTag], prompt: SamplePrompt) -> Iterator[Problem]:
    for tag in dict.fromkeys(networks):
        if max(abs(tag.unet), abs(tag.text_encoder)) > HIGH_WEIGHT:
            yield problem(
                "prompt_high_network",
                "Prompt {number}: {text} is stronger than {most}. Pictures tend to break there.",
                number=number, text=tag.text, most=HIGH_WEIGHT,
            )  # fmt: skip
        if tag.scheduled:
            yield problem(
                "prompt_network_scheduled",
                "Prompt {number}: {text} stands within [ ], but networks are not switched by those: it acts from the "
                "first step to the last. Write start= and stop= into it instead.",
                number=number, text=tag.text,
            )  # fmt: skip
        passes = prompt.steps, prompt.hires.steps_after(prompt.steps) if prompt.hires else 0
        if not any(tag.acts(step, steps) for steps in passes for step in range(1, steps + 1)):
            yield problem(
                "prompt_network_never_acts",
                "Prompt {number}: {text} acts in none of the {steps} steps. It begins with step start= and ends before "
                "step stop=.",
                number=number, text=tag.text, steps=max(passes),
            )  # fmt: skip
        if tag.block_effects:
            yield problem(
                "prompt_network_arguments",
                "Prompt {number}: {names} of {text} is not known here and has no effect.",
                number=number, text=tag.text, names="lbwe",
            )  # fmt: skip


def _high_emphasis(number: int, text: str) -> Iterator[Problem]:
    stages = dict.fromkeys(said for part, _ in compose(text) for _, said in schedule(part, 100))
    heavy = {piece.strip(" ,"): weight for said in stages for piece, weight in parse_weighted(said)}
    for piece, weight in heavy.items():
        if weight > HIGH_EMPHASIS and piece:
            yield problem(
                "prompt_high_emphasis",
                "Prompt {number}: {text} has a weight of {weight}. Above {most}, pictures tend to break.",
                number=number, text=piece, weight=round(weight, 2), most=HIGH_EMPHASIS,
            )  # fmt: skip

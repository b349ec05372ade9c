"""What the prompts in a field ask in which steps, and what is odd about them, while they are typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import joined, message
from train_core.config.problems import Problem, UserError
from train_core.facts.prompts.network_tags import without_networks
from train_core.facts.prompts.prompt_files import names_file
from train_core.facts.prompts.prompt_lines import PromptDefaults, SamplePrompt, parse_prompts
from train_core.facts.prompts.prompt_warnings import prompt_warnings
from train_core.facts.prompts.stages import changing
from train_core.facts.prompts.wildcards import NO_FILES

MOST_ROWS = 12
COLUMNS = ("prompt", "steps", "asked", "negative")
NEEDS_FILES = "prompt_wildcard_unread"  # is not known without looking into folders


def asked_html(typed: str, defaults: PromptDefaults, language: str, loads_networks: bool) -> Markup:
    """A table for prompts that change meanwhile or join texts; "" for others, and for what is no list of prompts.

    Files that prompts stand in are not read. Tags of networks are shown if the pictures are drawn with them.
    """
    try:
        prompts = [_as_drawn(prompt, loads_networks) for prompt in _prompts(typed, defaults)]
    except UserError:  # what is wrong is said elsewhere
        return Markup("")
    rows = list(islice(changing(prompts), MOST_ROWS + 1))
    if not rows:
        return Markup("")
    cells = [(str(number), one.steps, one.texts, one.negative) for number, one in rows[:MOST_ROWS]]
    cells += [("…", "", "", "")] if len(rows) > MOST_ROWS else []
    return Markup('<div class="asked"><b>{}</b><table><tr>{}</tr>{}</table></div>').format(
        text("ui.table.asked", language),
        joined(Markup("<th>{}</th>").format(text(f"ui.column.{name}", language)) for name in COLUMNS),
        joined(Markup("<tr>{}</tr>").format(joined(map(Markup("<td>{}</td>").format, row))) for row in cells),
    )


def prompt_messages(typed: str, defaults: PromptDefaults, language: str) -> Markup:
    """What is wrong with prompts that are drawn with their networks, or odd."""
    return joined(
        Markup('<div class="{}">{}</div>').format(kind, message(one, language)) for kind, one in _said(typed, defaults)
    )


def _said(typed: str, defaults: PromptDefaults) -> Iterator[tuple[str, Problem]]:
    try:
        found = prompt_warnings(_prompts(typed, defaults), loads_networks=True)
    except UserError as error:
        yield from (("error", one) for one in error.problems)
    else:
        yield from (("warning", one) for one in found if one.code != NEEDS_FILES)


def _prompts(typed: str, defaults: PromptDefaults) -> list[SamplePrompt]:
    return [] if names_file(typed) else parse_prompts(typed, defaults)


def _as_drawn(prompt: SamplePrompt, loads_networks: bool) -> SamplePrompt:
    """The prompt with what its seed chooses, if it has one, and without the tags that are left out."""
    chosen = prompt if prompt.seed is None else NO_FILES.resolved(prompt)
    if loads_networks:
        return chosen
    texts = (without_networks(said).prompt for said in (chosen.prompt, chosen.negative_prompt))
    return replace(chosen, prompt=next(texts), negative_prompt=next(texts))

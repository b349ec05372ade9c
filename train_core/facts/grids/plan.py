"""The plan of a grid: what each of its cells is drawn with, and all that stands in the way before anything is drawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path

from train_core.config.jobs.drawing import DrawSettings
from train_core.config.jobs.grids import DrawGrid
from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.facts.drawing import prompts_of
from train_core.facts.grids.axes import KINDS, Axis, Seeds, Surroundings, Value, read_axes
from train_core.facts.grids.draft import Draft, first_lora, has_effect
from train_core.facts.grids.originals import Original, originals_of, worded
from train_core.facts.models.model_files import BaseFiles, base_files
from train_core.facts.prompts.network_files import NamedFiles
from train_core.facts.prompts.network_tags import NetworkTag, without_networks
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.to_draw import ToDraw, with_files
from train_core.facts.prompts.wildcards import Wildcards

MOST_CELLS = 20_000
COMPARES = ("file", "weight", "blocks")  # the kinds of axes that change the compared adapter
DIGITS = 24  # of a picture's name


@dataclass(frozen=True)
class Cell:
    """A picture: what it is drawn with, on which base model, and the adapter that the grid compares, if it has it."""

    wanted: ToDraw
    base: str
    compared: NetworkTag | None

    @property
    def idle(self) -> bool:
        """Whether the compared adapter is not there, or of no strength."""
        return self.compared is None or not has_effect(self.compared)


@dataclass(frozen=True)
class Plan:
    """A grid before it is drawn: `cells` and `without`, the same without the adapter, as in `GridFacts`.

    `bases` are the base models by the word that cells name them with; `originals` has for each value of the axis of
    prompts the picture whose caption it is, and is empty where there are none.
    """

    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    without: tuple[Cell, ...]
    bases: Mapping[str, BaseFiles]
    seeds: tuple[int, ...]
    warnings: tuple[Problem, ...]
    originals: tuple[Original | None, ...] = ()

    @cached_property
    def pictures(self) -> dict[str, Cell]:
        """What has to be drawn, each picture once, costly changes outermost; by the name of paths and settings."""
        return {content_of(cell, str): cell for cell in sorted((*self.cells, *self.without), key=self._cost)}

    def _cost(self, cell: Cell) -> tuple[str, ...]:
        """A key that puts cells side by side whose model and networks are the same."""
        networks = [f"{path}|{tag.text_encoder}|{tag.unet}|{tag.blocks}" for tag, path in cell.wanted.networks]
        return cell.base, *networks, repr(cell.wanted.prompt)


def plan_of(config: DrawGrid, earlier: Sequence[int] = ()) -> Plan:
    """The plan of a grid. `earlier` are the random seeds of the same grid before.

    Raises UserError with what keeps any of its cells from being drawn.
    """
    settings, grid = config.draw_pictures, config.draw_grid
    base = base_files(settings.draw_model, settings.draw_vae, to_train=False)
    files, seeds = NamedFiles.within(settings.draw_folders), Seeds(earlier)
    originals = originals_of(grid)
    prompts, whose = worded(prompts_of(settings, base), originals)
    chosen = seeds.next() if any(prompt.seed is None for prompt in prompts) else None
    drafts = [Draft(replace(one, seed=chosen if one.seed is None else one.seed)) for one in prompts]
    axes = read_axes(grid.grid_axes, Surroundings(
        files, Path(settings.draw_model).parent, base.model.family, seeds,
        tuple(tag for one in prompts if (tag := first_lora(one.prompt)) is not None),
    ))  # fmt: skip
    _require_adapter(drafts, axes)
    warnings = _searched(drafts, axes)
    rows = _prompt_axis(drafts, bool(originals))
    count = prod(len(axis.values) for axis in (*axes, *rows))
    if count > MOST_CELLS:
        raise UserError(
            problem(
                "grid_too_large",
                "The grid has {count} cells; {most} are possible. Take values or prompts out of it.",
                count=count, most=MOST_CELLS,
            )
        )
    full = [_applied(draft, values) for values in product(*(axis.values for axis in axes)) for draft in drafts]
    bases = _bases(full, base, settings)
    wildcards = Wildcards.within(settings.draw_wildcards)
    cells = _cells([*full, *(replace(draft, bare=True) for draft in full)], files, bases, wildcards)
    return Plan(
        (*axes, *rows), cells[:count], cells[count:], bases, tuple(seeds.used), tuple(warnings),
        tuple(whose) if originals else (),
    )  # fmt: skip


def content_of(cell: Cell, name: Callable[[Path], str], more: Sequence[object] = ()) -> str:
    """A name that all cells of the same content have. `name` says what a file is known by; `more` counts too."""
    prompt, wanted = cell.wanted.prompt, cell.wanted
    text, negative = (without_networks(said).prompt.strip() for said in (prompt.prompt, prompt.negative_prompt))
    said = {
        "base": name(Path(cell.base)),
        "prompt": asdict(replace(prompt, prompt=text, negative_prompt=negative)),
        "networks": [
            [name(path), *(value for key, value in asdict(tag).items() if key not in ("name", "text", "scheduled"))]
            for tag, path in wanted.networks if has_effect(tag)
        ],
        "words": sorted((word, name(path)) for word, path in wanted.words.items()),
        "more": list(more),
    }  # fmt: skip
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:DIGITS]


def _applied(draft: Draft, values: Iterable[Value]) -> Draft:
    for value in values:
        draft = value.change(draft)
    return draft


def _require_adapter(drafts: Sequence[Draft], axes: Sequence[Axis]) -> None:
    """Raise UserError for an axis of weights or blocks where no adapter is named."""
    of_files = any(axis.kind == "file" for axis in axes)
    alone = next((axis.kind for axis in axes if axis.kind in COMPARES), None)
    if of_files or alone is None:
        return
    bare = next((number for number, draft in enumerate(drafts, 1) if first_lora(draft.prompt.prompt) is None), None)
    if bare is not None:
        raise UserError(
            problem(
                "grid_without_adapter",
                "The axis {kind} has no adapter to change: prompt {number} names none. Add a line such as file: "
                "{example}, or write <lora:name:1> in the prompt.",
                kind=alone, number=bare, example=KINDS["file"].example,
            )
        )  # fmt: skip


def _searched(drafts: Sequence[Draft], axes: Sequence[Axis]) -> list[Problem]:
    """Warnings on text that is to be replaced. Raises UserError where it is not there when its turn comes."""
    problems = [found for place, axis in enumerate(axes) if axis.kind == "replace"
                for found in _missed(axis, axes[:place], drafts)]  # fmt: skip
    raise_if_any(problems)
    return [found for axis in axes if axis.kind == "replace" for found in _hits(axis, drafts)]


def _said(draft: Draft) -> str:
    return f"{draft.prompt.prompt}\n{draft.prompt.negative_prompt}"


def _hits(axis: Axis, drafts: Sequence[Draft]) -> Iterator[Problem]:
    most = max(_said(draft).count(axis.search) for draft in drafts)
    if most > 1:
        yield problem(
            "grid_replace_twice",
            "{text} stands {count} times in a prompt, and all of them are replaced. Search for more of the text if "
            "only one is meant.",
            text=axis.search, count=most,
        )  # fmt: skip


def _missed(axis: Axis, before: Sequence[Axis], drafts: Sequence[Draft]) -> Iterator[Problem]:
    """An error if a prompt does not have the searched text, or a value of an axis before removes it."""
    for number, draft in enumerate(drafts, 1):
        if axis.search not in _said(draft):
            # What an earlier axis puts there may be searched for too.
            reached = [_applied(draft, values) for values in product(*(other.values for other in before))]
            if not before or not all(axis.search in _said(one) for one in reached):
                yield problem(
                    "grid_replace_missing",
                    "Prompt {number} does not have {text}, which an axis is to replace. Write it in the prompt, or "
                    "search for what is there.",
                    number=number, text=axis.search,
                )  # fmt: skip
                return
    for other in before:
        for value in other.values:
            if any(axis.search in _said(draft) and axis.search not in _said(value.change(draft)) for draft in drafts):
                yield problem(
                    "grid_replace_removed",
                    "{text} is to be replaced, but {value} of an axis before leaves nothing of it. Put this axis "
                    "first, or search for other text.",
                    text=axis.search, value=value.label or "–",
                )  # fmt: skip
                return


def _prompt_axis(drafts: Sequence[Draft], always: bool) -> list[Axis]:
    """The axis of the prompts, where there are several, or `always`; each draft is its own."""
    values = tuple(Value(draft.prompt.prompt, lambda draft: draft) for draft in drafts)
    return [Axis("prompt", values)] if always or len(drafts) > 1 else []


def _bases(drafts: Iterable[Draft], base: BaseFiles, settings: DrawSettings) -> dict[str, BaseFiles]:
    """The base models that drafts name, by that word. Raises UserError for those that are none."""
    bases = {"": base}
    for word in dict.fromkeys(draft.base for draft in drafts):
        if word not in bases:
            bases[word] = base_files(word, settings.draw_vae, to_train=False)
    return bases


def _cells(
    drafts: Sequence[Draft], files: NamedFiles, bases: Mapping[str, BaseFiles], wildcards: Wildcards
) -> tuple[Cell, ...]:  # fmt: skip
    """What drafts are drawn with; equal prompts are looked up once. Raises UserError with all missing files."""
    asked = [(draft.finished(), bases[draft.base].model) for draft in drafts]
    known: dict[tuple[str, SamplePrompt], ToDraw] = {}
    for kind in dict.fromkeys(model.family for _, model in asked):
        prompts = list(dict.fromkeys(prompt for prompt, model in asked if model.family == kind))
        found = with_files(prompts, files, kind, wildcards)
        known |= {(kind, prompt): one for prompt, one in zip(prompts, found, strict=True)}
    return tuple(
        Cell(known[model.family, prompt], str(model.path), draft.compared)
        for draft, (prompt, model) in zip(drafts, asked, strict=True)
    )

"""What a state was trained on, by content: which images, masks, captions and models are not the same any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train_core.config.phrases import first_of
from train_core.config.problems import Problem, UserError, problem
from train_core.facts.run.states import State

NAMED_AT_MOST = 8


@dataclass(frozen=True)
class Contents:
    """Files as rows of a name and digests: `pictures` are images and masks, those held out for validation included.

    An image's second digest is of its caption and of all that settings make of it. `models` are by setting, with where
    each is now.
    """

    pictures: tuple[tuple[str, ...], ...]
    models: Mapping[str, str]
    paths: Mapping[str, Path] = field(default_factory=dict, compare=False)

    def fields(self) -> dict[str, Any]:
        """The contents as a state holds them."""
        return {"pictures": [list(row) for row in self.pictures], "models": dict(self.models)}


def require_same_contents(state: State, now: Contents, order: str) -> None:
    """Raise UserError, naming the files, where those of the state are not the ones there `now`.

    `order` is the digest of the images' names and captions in their order. A state of an older version holds nothing
    else.
    """
    problems: list[Problem] = []
    changed = _changed(state.contents["pictures"], now.pictures) if state.contents else []
    if changed:
        problems.append(_images_differ(state, changed))
    elif state.data != order:
        problems.append(_order_differs(state))
    before = state.contents.get("models", {})
    for name in sorted(before.keys() & now.models.keys()):
        if before[name] != now.models[name]:
            problems.append(_model_differs(state, name, now.paths.get(name)))
    if problems:
        raise UserError(*problems)


def unchecked(state: State) -> Problem:
    """Notice for a state that does not say what the files held that it was trained on."""
    return problem(
        "resume_contents_unknown",
        "The state {folder} was written by an older version, which did not note what the images and the base model "
        "hold. Only their names, sizes and captions were compared; make sure that they are the same files.",
        folder=str(state.path),
    )


def _changed(then: Sequence[Sequence[str]], now: Sequence[Sequence[str]]) -> list[str]:
    """The names of rows that are only `then` or only `now`."""
    before, after = Counter(map(tuple, then)), Counter(map(tuple, now))
    return sorted({row[0] for row in (*(before - after), *(after - before))})


def _images_differ(state: State, names: list[str]) -> Problem:
    return problem(
        "resume_images_differ",
        "{count} images, masks or captions are not the ones that the state {folder} was trained on: {files}. Restore "
        "them, or start a new run without resume.",
        count=len(names), folder=str(state.path),
        files=first_of(names, NAMED_AT_MOST),
    )


def _order_differs(state: State) -> Problem:
    return problem(
        "resume_order_differs",
        "The images or captions are not the ones that the state {folder} was trained on, so it cannot continue from "
        "its place in their order. Restore them, or start a new run without resume.",
        folder=str(state.path),
    )


def _model_differs(state: State, name: str, path: Path | None) -> Problem:
    return problem(
        "resume_model_differs",
        "{name}: {file} does not have the content it had when the state {folder} was trained. Restore the file, or "
        "start a new run without resume.",
        name=name, file=str(path or ""), folder=str(state.path),
    )

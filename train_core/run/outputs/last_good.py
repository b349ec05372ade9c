"""The last state and the last file of a run whose values are numbers, offered where the run has gone wrong."""

from __future__ import annotations

from pathlib import Path

from train_core.config.problems import Problem, UserError, problem
from train_core.models.files.finite import NotFiniteError
from train_core.run.outputs.manifest import Manifest


def last_good(manifest: Manifest) -> list[Problem]:
    """The newest state and the newest file of the run that are there; both were checked as they were written."""
    found = sorted((step, kind, path) for path, kind, step, _ in manifest.fields() if step and Path(path).exists())
    states = [(step, path) for step, kind, path in found if kind.endswith("state")]
    files = [(step, path) for step, kind, path in found if not kind.endswith("state")]
    problems = []
    if states:
        step, path = states[-1]
        problems.append(
            problem(
                "last_good_state",
                "The last state with valid values is {folder}, from step {step}. You can resume from it with a lower "
                "learning rate.",
                folder=path, step=step,
            )
        )
    if files:
        step, path = files[-1]
        problems.append(
            problem(
                "last_good_file", "The last file with valid values is {file}, from step {step}.", file=path, step=step
            )
        )
    return problems


def gone_wrong(error: NotFiniteError, step: int, advice: str, manifest: Manifest) -> UserError:
    """The error that ends a run whose weights or optimizer state turned out not to be numbers as they were saved."""
    found = error.problems[0].params
    told = problem(
        "training_not_finite",
        "{file} was not saved: at step {step} {name} contains invalid values (NaN or infinity), so the training has "
        "gone wrong. Start again with one or more of these changes: {settings}.",
        file=found["file"], name=found["name"], step=step, settings=advice,
    )
    return UserError(told, *last_good(manifest))

"""Writing many captions so that it can be done again after a kill, and so that nothing of others is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from train_core.config.problems import Problem, cause_of, problem
from train_core.studio import captions
from train_core.studio.decisions import Change


@dataclass(frozen=True)
class Rewriting:
    """Where captions may lie, and where each is copied to before it is changed for the first time."""

    sources: Sequence[Path]
    backups: Path


def write_changes(change: Change, back: bool, work: Rewriting) -> tuple[list[Path], list[Problem]]:
    """Give each caption the text that it should have, if it has the one that it should have had before.

    Returns the files that have the new text now, and a problem for each of the others. What was written already, by a
    process that was killed, is not written again.
    """
    day = f"{datetime.now():%Y-%m-%d}"
    written: list[Path] = []
    left: list[Problem] = []
    for name, (before, after) in change.items():
        path = Path(name)
        old, new = (after, before) if back else (before, after)
        now = captions.read(path)
        if now.problem is None and now.whole == new:
            written.append(path)
        elif now.problem is not None or now.whole != old:
            left.append(_left(path))
        else:
            try:
                captions.back_up(path, work.sources, work.backups, day)
                captions.write(path, new)
                written.append(path)
            except OSError as error:
                left.append(_not_written(path, error))
    return written, left


def _left(path: Path) -> Problem:
    return problem(
        "studio_left",
        "{file} was changed by another program since, so it stays as it is.", file=path.name,
    )


def _not_written(path: Path, error: OSError) -> Problem:
    return problem(
        "studio_caption_not_written",
        "The caption {file} cannot be written ({reason}). Free some space, or allow writing there, and try again.",
        file=str(path), reason=cause_of(error),
    )

"""Writing many captions so that it can be done again after a kill, and so that nothing of others is overwritten."""

from __future__ import annotations

from pathlib import Path

from train_core.config.problems import Problem, cause_of, problem
from train_core.studio import captions
from train_core.studio.backups import Backups
from train_core.studio.decisions import Change


def write_changes(change: Change, back: bool, backups: Backups) -> tuple[dict[Path, str | None], list[Problem]]:
    """Give each caption the text that it should have, if it has the one that it should have had before.

    Returns the files that have the new text now, with it, and a problem for each of the others. What was written
    already, by a process that was killed, is not written again. Nothing is written if there can be no backup.
    """
    wanted = {Path(name): (after, before) if back else (before, after) for name, (before, after) in change.items()}
    found = {path: captions.read(path) for path in wanted}
    left: list[Problem] = []
    written: dict[Path, str | None] = {}
    due: dict[Path, str | None] = {}
    for path, (old, new) in wanted.items():
        now = found[path]
        if now.whole not in (old, new):
            left.append(_left(path))
        else:
            (written if now.whole == new else due)[path] = new
    try:
        backups.keep((path, text) for path in due if (text := found[path].whole) is not None)
    except OSError as error:
        return written, [*left, _not_kept(error)]
    for path, new in due.items():
        try:
            captions.write(path, new)
            written[path] = new
        except OSError as error:
            left.append(_not_written(path, error))
    return written, left


def _left(path: Path) -> Problem:
    return problem(
        "studio_left",
        "{file} was changed by another program since, so it stays as it is.", file=path.name,
    )


def _not_kept(error: OSError) -> Problem:
    return problem(
        "studio_no_backup",
        "No captions were changed, since there is no room for a copy of what they say now ({reason}). Free some space "
        "and try again.",
        reason=cause_of(error),
    )


def _not_written(path: Path, error: OSError) -> Problem:
    return problem(
        "studio_caption_not_written",
        "The caption {file} cannot be written ({reason}). Free some space, or allow writing there, and try again.",
        file=str(path), reason=cause_of(error),
    )

"""The verdict on the files of a grid: from scores of the same files, and from the marks of its pictures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kohya_gui.runs.details.sending import card_of
from kohya_gui.server.evaluate.grids import Grid, is_same
from kohya_gui.server.evaluate.saved_by import file_name, saved_by
from train_core.config.places import evaluations_dir
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.untrusted import json_of, text_of
from train_core.config.whole_files import write_text, write_whole
from train_core.facts.adapters.webui_card import card_text
from train_core.facts.grids.marks import read_marks
from train_core.facts.run.result_names import not_writable
from train_core.facts.scores.marked import Key, ranked
from train_core.facts.scores.scores import FILE, HELD_OUT, Scores, read_scores
from train_core.facts.scores.verdict import Verdict, verdict_of


@dataclass(frozen=True)
class Judged:
    """What is to be said of a grid's files: by `scores`, None where there are none of them, and by `marks`."""

    scores: Scores | None
    verdict: Verdict | None
    marks: Mapping[Key, tuple[int, int]]

    @property
    def chosen(self) -> Key | None:
        """The file at the weight that is to be used, as far as anything says so."""
        if self.verdict is not None:
            return self.verdict.chosen
        best = next(iter(ranked(self.marks)), None)
        return best.key if best is not None and best.good else None


def judged(grid: Grid) -> Judged:
    """The verdict on the files that `grid` compares. Raises UserError for scores that cannot be read."""
    names = _files_of(grid)
    marks = _marks_of(grid, names)
    file = _scores_for(frozenset(names.values()))
    if file is None:
        return Judged(None, None, marks)
    state = file.stat()
    scores, verdict = _verdict(file, f"{state.st_mtime_ns}-{state.st_size}", tuple(sorted(marks.items())))
    return Judged(scores, verdict, marks)


@lru_cache(maxsize=8)
def _verdict(file: Path, _stamp: str, marks: tuple[tuple[Key, tuple[int, int]], ...]) -> tuple[Scores, Verdict]:
    scores = read_scores(file)
    return scores, verdict_of(scores, dict(marks))


def _files_of(grid: Grid) -> dict[str, str]:
    """The files that the grid compares, by their names in prompts."""
    named = {one.compared.name for one in grid.facts.pictures.values() if one.compared is not None}
    return {name: file_name(name) for name in named}


def _marks_of(grid: Grid, names: Mapping[str, str]) -> dict[Key, tuple[int, int]]:
    """Good and bad marks by file and weight."""
    good: Counter[Key] = Counter()
    bad: Counter[Key] = Counter()
    for name, mark in read_marks(grid.folder.path).items():
        picture = grid.facts.pictures.get(name)
        if picture is not None and picture.compared is not None:
            (good if mark == "good" else bad)[names[picture.compared.name], picture.compared.unet] += 1
    return {key: (good[key], bad[key]) for key in good | bad}


def _scores_for(names: frozenset[str]) -> Path | None:
    """The newest scores among the evaluations that are of one of these files."""
    found = sorted(evaluations_dir().glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime, reverse=True)
    return next((file for file in found if names & _scored(file, file.stat().st_mtime_ns)), None)


@lru_cache(maxsize=64)
def _scored(file: Path, _time: int) -> frozenset[str]:
    try:
        return frozenset(one.name for one in read_scores(file).files)
    except UserError:  # of another version; whoever opens it by hand is told
        return frozenset()


def held_out(grid: Grid, place: int) -> Path | None:
    """The held-out picture with the number `place` of the scores of a grid's files, if it is still the same one."""
    scores = judged(grid).scores
    pictures = scores.pictures[HELD_OUT] if scores is not None else ()
    if scores is None or not scores.held_out or not 0 <= place < len(pictures):
        return None
    folder, picture = Path(scores.held_out), pictures[place]
    paths = (folder / picture.name, folder.parent / picture.name)  # pictures may lie in the folder itself
    return next((path for path in paths if is_same(path, picture.content)), None)


def use(grid: Grid, name: str, weight: float) -> tuple[str, Path]:
    """Write `weight` into the card beside a trained file, and a picture of the grid, for WebUIs to show.

    Returns the run that has saved the file, and the file. What else stands in a card stays, and so does a picture.
    Raises UserError where the file is no longer there, or nothing can be written.
    """
    found = saved_by({name})
    if found is None:
        raise UserError(
            problem(
                "evaluated_file_gone", "No run has saved {file}, or it is no longer there. Choose another one.",
                file=name,
            )
        )
    run, path = found[0].id, found[1][name].path
    try:
        _keep_weight(path, weight)
        _keep_picture(path.with_suffix(".preview.png"), grid, path.stem, weight)
    except OSError as error:
        raise UserError(not_writable(path.parent, cause_of(error))) from error
    return run, path


def _keep_weight(path: Path, weight: float) -> None:
    """Put the weight into the card beside the file at `path`, whose other entries stay, or into a new one."""
    card = path.with_suffix(".json")
    try:
        known = json_of(text_of(card))
    except FileNotFoundError:
        known = json.loads(card_of(path))
    except ValueError as error:  # somebody's file, which is not ours to replace
        raise UserError(
            problem(
                "card_unreadable", "{file} is no card of A1111, so the weight was not written into it. Move it away.",
                file=str(card),
            )
        ) from error
    if isinstance(known, dict):
        write_text(card, card_text({**known, "preferred weight": weight}))


def _keep_picture(to: Path, grid: Grid, name: str, weight: float) -> None:
    """A picture of the file at the weight, one that was marked as good before others."""
    marks = read_marks(grid.folder.path)
    mine = [
        one for one, facts in grid.facts.pictures.items()
        if facts.compared is not None and (facts.compared.name, facts.compared.unet) == (name, weight)
        and grid.folder.picture(one).is_file()
    ]  # fmt: skip
    best = min(mine, key=lambda one: {"good": 0, "bad": 2}.get(marks.get(one, ""), 1), default=None)
    if best is not None and not to.exists():
        with write_whole(to) as temporary:
            temporary.write_bytes(grid.folder.picture(best).read_bytes())

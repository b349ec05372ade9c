"""A grid of pictures: what is missing is drawn, costly changes outermost, and every picture is kept at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from itertools import groupby
from pathlib import Path

import torch

from train_core.config.existing import is_dir
from train_core.config.jobs.drawing import DrawSettings
from train_core.config.jobs.grids import DrawGrid
from train_core.config.problems import problem
from train_core.config.whole_files import write_whole
from train_core.events.kinds import SampleDrawn
from train_core.facts.file_cache import shared_database
from train_core.facts.grids.axes import Axis
from train_core.facts.grids.folder import AxisFacts, GridFacts, GridFolder, NetworkFacts, OriginalFacts, PictureFacts
from train_core.facts.grids.pace import remember_pace, work_of
from train_core.facts.grids.plan import Cell, Plan, content_of, plan_of
from train_core.facts.grids.sheet import Words, all_slices, write_sheets
from train_core.facts.images.image_files import content_hashes
from train_core.facts.prompts.network_tags import NetworkTag
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.models.files.writing import telling
from train_core.networks.files.hashes import remembered_hashes
from train_core.sampling.png import save_png
from train_core.workshop.common.drawing import Drawing, computing_of
from train_core.workshop.common.report import Report

SHEETS = "sheets"  # the folder of them, in that of the grid


def run(config: DrawGrid, report: Report) -> None:
    """Draw the pictures of the grid that are not there yet."""
    settings, folder = config.draw_pictures, GridFolder(Path(config.draw_grid.grid_to).expanduser())
    earlier = folder.facts()
    plan = plan_of(config, earlier.seeds if earlier else ())
    device, dtype = computing_of(settings)
    name = _names(settings, plan, dtype)
    facts, pictures = _facts(plan, name, config)
    with telling(folder.path):
        if earlier is not None and not {*earlier.cells} <= facts.pictures.keys():
            _tell_aside(report, folder.set_aside())
        folder.write(facts)
    drawn = folder.drawn()
    missing = [(known, cell) for known, cell in pictures.items() if known not in drawn]
    _tell_count(report, facts, len(missing))
    done = 0
    for base, cells in groupby(missing, key=lambda one: one[1].base):
        report.stage("loading")
        files = next(files for files in plan.bases.values() if str(files.model.path) == base)
        drawing, pace = Drawing(settings, files, device, dtype), _Pace()
        progress = report.stage("drawing")
        for known, cell in cells:
            progress(done, len(missing))
            _draw(drawing, cell, folder.picture(known), done, report)
            pace.note(cell.wanted.prompt)
            done += 1
        if pace.seconds:
            with telling(folder.path):
                remember_pace(settings, files.model.family, pace.seconds)
        del drawing
    if missing:
        progress(done, len(missing))
    if config.draw_grid.grid_sheets:
        _write_sheets(folder, facts, report)


def _write_sheets(folder: GridFolder, facts: GridFacts, report: Report) -> None:
    """Write the sheets of all slices of the grid, in place of those that are there."""
    to, words = folder.path / SHEETS, Words([axis.kind for axis in facts.axes], "without")
    with telling(to), write_whole(to) as temporary:
        temporary.mkdir()
        for number, shown in enumerate(all_slices(facts), 1):
            for piece, path in enumerate(write_sheets(folder, shown, words, temporary), 1):
                path.rename(temporary / f"{number:03d}-{piece:02d}.png")
    for path in sorted(to.iterdir()):
        report.saved(path)


class _Pace:
    """Seconds for a unit of work, over all pictures but the first, which takes longer."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._took = self._work = 0.0

    def note(self, prompt: SamplePrompt) -> None:
        now = time.monotonic()
        if self._last is not None:
            self._took += now - self._last
            self._work += work_of(prompt)
        self._last = now

    @property
    def seconds(self) -> float | None:
        return self._took / self._work if self._work else None


def _draw(drawing: Drawing, cell: Cell, path: Path, place: int, report: Report) -> None:
    for picture, text in drawing.pictures(cell.wanted, report):
        with telling(path):
            save_png(picture.image, path, text)
        report.emit(
            SampleDrawn(
                path=str(path), prompt=cell.wanted.prompt.prompt, index=place, step=0, epoch=None, seed=picture.seed
            )
        )


def _names(settings: DrawSettings, plan: Plan, dtype: torch.dtype) -> Callable[[Cell], str]:
    """A function that names a cell's picture by the contents of all files and settings that it depends on."""
    vae = plan.bases[""].vae_path
    more = (settings.draw_clip_skip, str(dtype), _content(vae) if vae else "")
    return lambda cell: content_of(cell, _content, more)


@cache
def _content(path: Path) -> str:
    """What a file is known by: the hash of all of it; a folder, by its place."""
    return str(path.absolute()) if is_dir(path) else remembered_hashes(path, shared_database()).sha256


def _facts(plan: Plan, name: Callable[[Cell], str], config: DrawGrid) -> tuple[GridFacts, dict[str, Cell]]:
    """What `grid.json` says, and the cell of each picture in the order in which they are drawn."""
    pictures = {name(cell): cell for cell in plan.pictures.values()}
    facts = GridFacts(
        axes=tuple(AxisFacts(kind=axis.kind, labels=_labels(axis)) for axis in plan.axes),
        originals=_originals(plan),
        cells=tuple(name(cell) for cell in plan.cells),
        without=tuple(name(cell) for cell in plan.without),
        pictures={known: _told(cell) for known, cell in pictures.items()},
        seeds=plan.seeds,
        settings={
            name: "\n".join(value) if isinstance(value, list) else value for name, value in config.flat().items()
        },
    )
    return facts, pictures


def _originals(plan: Plan) -> tuple[OriginalFacts | None, ...]:
    paths = [one.path if one is not None else None for one in plan.originals]
    contents = content_hashes([path for path in paths if path is not None])
    return tuple(OriginalFacts(path=str(path.absolute()), content=contents[path]) if path else None for path in paths)


def _labels(axis: Axis) -> tuple[str, ...]:
    return tuple(value.label for value in axis.values)


def _told(cell: Cell) -> PictureFacts:
    prompt = cell.wanted.prompt
    assert prompt.seed is not None
    return PictureFacts(
        prompt=prompt.prompt, negative_prompt=prompt.negative_prompt, width=prompt.width, height=prompt.height,
        seed=prompt.seed, steps=prompt.steps, scale=prompt.scale, sampler=prompt.sampler, model=Path(cell.base).stem,
        networks=tuple(_network(tag) for tag, _ in cell.wanted.networks),
        compared=None if cell.idle or cell.compared is None else _network(cell.compared),
    )  # fmt: skip


def _network(tag: NetworkTag) -> NetworkFacts:
    return NetworkFacts(
        kind=tag.kind, name=tag.name, text_encoder=tag.text_encoder, unet=tag.unet, blocks=tag.blocks
    )  # fmt: skip


def _tell_aside(report: Report, to: Path) -> None:
    report.notice(
        problem(
            "grid_set_aside",
            "There was another grid in this folder. It is now in {folder}, with its pictures and marks.",
            folder=str(to),
        )
    )  # fmt: skip


def _tell_count(report: Report, facts: GridFacts, missing: int) -> None:
    """Say how many pictures are there already, if any are."""
    there = len(facts.pictures) - missing
    if there:
        report.notice(
            problem(
                "grid_drawn_before", "{there} of {count} pictures are there already; {missing} are drawn.",
                there=there, count=len(facts.pictures), missing=missing,
            )
        )  # fmt: skip

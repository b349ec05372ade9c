"""What every file draws at every weight from the held-out captions, and what is found when that is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.scores.asked import without_words
from train_core.facts.scores.scores import Drawn, Nearest
from train_core.facts.scores.tags import Swap, Swaps
from train_core.models.family import Family
from train_core.scoring.copies import latents_of, nearest, spread
from train_core.scoring.judging import Judge, known_tags, share_right
from train_core.scoring.measuring import PictureSet


@dataclass(frozen=True)
class Task:
    """One picture: its prompt, the caption by which the base judges it, and what it is compared with.

    `swaps` are for a caption as it is; a `changed` one, with a tag exchanged, is compared with the one it was.
    """

    prompt: SamplePrompt
    caption: str
    place: int  # of the caption
    swaps: tuple[Swap, ...] = ()
    changed: str = ""


def tasks_of(
    captions: Sequence[str], trigger: Sequence[str], swaps: Swaps, known: Mapping[str, bool], drawn: SamplePrompt,
    seeds: int,
) -> list[Task]:  # fmt: skip
    """`seeds` pictures of each caption, and one with a tag exchanged that the base knows; sized as `drawn`."""
    tasks = []
    for place, caption in enumerate(captions):
        plain = without_words(caption, trigger)
        its = tuple(swaps.of(plain))
        for number in range(seeds):
            seed = (drawn.seed or 0) + number
            tasks.append(Task(replace(drawn, prompt=caption, seed=seed), plain, place, its))
        other = next((swap for swap in its if swap.other and known.get(swap.tag)), None)
        if other is not None:
            prompt = replace(drawn, prompt=other.within(caption))
            tasks.append(Task(prompt, other.caption, place, changed=plain))
    return tasks


class Looker:
    """Looks at drawn pictures with the base as judge and the trained pictures, if they are known, as what is copied."""

    def __init__(
        self, family: Family, judge: Judge, real: Sequence[PictureSet], trained: PictureSet | None,
        swaps: Swaps, trigger: Sequence[str], drawn: SamplePrompt, seed: int,
    ) -> None:  # fmt: skip
        self._family, self._judge = family, judge
        self._size = drawn.height // family.vae_factor, drawn.width // family.vae_factor
        self._trained = trained if trained is not None and not family.inpaints else None
        self._copied = latents_of(self._trained, family, self._size) if self._trained else torch.empty(0)
        asked = []
        for pictures in real:
            captions = [without_words(picture.caption, trigger) for picture in pictures.pictures]
            asked += judge.tags(pictures, captions, [swaps.of(caption) for caption in captions])
        self.known = known_tags(asked, seed)

    def nearest(self, pictures: PictureSet) -> tuple[Nearest, ...]:
        """The trained pictures that some are nearest to; none where those are not known."""
        if self._trained is None:
            return ()
        return self._nearest([picture.name for picture in pictures.pictures], self._latents(pictures))

    def look(self, pictures: PictureSet, tasks: Sequence[Task]) -> Drawn:
        """What is found in `pictures`, whose names number `tasks`; a picture that did not come out is left out."""
        done = [tasks[int(Path(picture.name).stem)] for picture in pictures.pictures]
        plain = [place for place, task in enumerate(done) if not task.changed]
        found = self._judge.tags(pictures, [task.caption for task in done], [task.swaps for task in done])
        shares = [share_right(found[place], self.known) for place in plain]
        changed = {place: task.changed for place, task in enumerate(done) if task.changed}
        followed = self._judge.fits(pictures, [task.caption for task in done], changed)
        copies: tuple[Nearest, ...] = ()
        spreads: list[float] = []
        if not self._family.inpaints:
            latents, names = self._latents(pictures), [picture.name for picture in pictures.pictures]
            if self._trained is not None:
                copies = self._nearest([names[place] for place in plain], latents[plain])
            spreads = _spreads([done[place] for place in plain], latents[plain])
        return Drawn(
            nearest=copies, right=tuple(share for share in shares if share is not None), spreads=tuple(spreads),
            followed=tuple(float(by_level.mean() > 0) for by_level in followed.values()),
        )

    def _latents(self, pictures: PictureSet) -> Tensor:
        return latents_of(pictures, self._family, self._size)

    def _nearest(self, names: list[str], latents: Tensor) -> tuple[Nearest, ...]:
        assert self._trained is not None
        return nearest(names, latents, [picture.name for picture in self._trained.pictures], self._copied)


def _spreads(tasks: Sequence[Task], latents: Tensor) -> list[float]:
    """How far apart the seeds of each caption are, of those with more than one."""
    rows: dict[int, list[int]] = {}
    for row, task in enumerate(tasks):
        rows.setdefault(task.place, []).append(row)
    return [spread(latents[some]) for _, some in sorted(rows.items()) if len(some) > 1]

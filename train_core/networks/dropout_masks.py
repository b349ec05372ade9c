"""Random masks of an adapter's dropouts, each a function of seeds alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

from train_core.facts.seeds import seed_for


class Named(Protocol):
    """A layer, by the name that its draws are made with."""

    name: str


@dataclass
class Draws:
    """The seeds of the present step, shared by all layers of one adapter.

    `step` seeds what concerns the whole batch, `samples` (one seed a sample, in the batch's order) what concerns each
    sample. A layer that is called again within a step, as gradient checkpointing does, gets the same mask again.
    """

    step: int = 0
    samples: tuple[int, ...] = ()

    def skips(self, layer: Named, chance: float) -> bool:
        """Whether `layer` is left out of this step: the same answer in every process."""
        return random.Random(seed_for(self.step, 0, 0, f"{layer.name} module dropout")).random() < chance

    def choice(self, layer: Named, purpose: str, count: int) -> int:
        """A number below `count`, the same for all samples and in every process."""
        return random.Random(seed_for(self.step, 0, 0, f"{layer.name} {purpose}")).randrange(count)

    def rows(self, layer: Named, purpose: str, count: int, chance: float, device: torch.device) -> Tensor:
        """Ones and zeros (count,), kept with 1 - `chance`, the same for all samples and in every process."""
        generator = torch.Generator(device).manual_seed(seed_for(self.step, 0, 0, f"{layer.name} {purpose}"))
        return (torch.rand(count, generator=generator, device=device) >= chance).float()

    def mask(self, layer: Named, purpose: str, shape: torch.Size, chance: float, device: torch.device) -> Tensor:
        """A mask of `shape` (rows, ...) that keeps each value with 1 - `chance`, scaled by 1 / (1 - chance).

        Rows belong to samples in order; a sample may own several rows, as long captions do. Without sample seeds the
        rows follow from the step's.
        """
        seeds = self.samples or (self.step,)
        rows_each = -(-shape[0] // len(seeds))
        rows = []
        for row in range(shape[0]):
            seed = seed_for(seeds[row // rows_each], 0, row % rows_each, f"{layer.name} {purpose}")
            generator = torch.Generator(device).manual_seed(seed)
            rows.append(torch.rand(shape[1:], generator=generator, device=device) >= chance)
        return torch.stack(rows) / (1 - chance)


@cache
def draw_outside_graphs() -> None:
    """Have torch's compiler call what draws instead of compiling it.

    It would compile a form for every step, since seeds are part of it, until it gives up. To be asked for where a model
    is compiled, since the compiler takes a second to import.
    """
    for draw in (Draws.skips, Draws.choice, Draws.rows, Draws.mask):
        setattr(Draws, draw.__name__, torch.compiler.disable(draw))

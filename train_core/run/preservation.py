"""Regularisation images that only teach the model to keep its original predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from train_core.data.batch import Batch


@dataclass(frozen=True)
class Preservation:
    """The target of `samples`, by their indices, is the prediction that the `untrained` model gives.

    With `all_ask`, as where the model is shared out, a process without such a sample asks in vain, rather than let the
    others wait.
    """

    samples: frozenset[int]
    untrained: Callable[[Tensor, Tensor, list[str], Mapping[str, Tensor]], Tensor]
    all_ask: bool = False

    def applied(
        self, target: Tensor, batch: Batch, noisy: Tensor, t: Tensor, extras: Mapping[str, Tensor]
    ) -> Tensor:
        """`target` (B, C, h, w), replaced where a sample is preserved; the rest are what the model is asked with."""
        kept = [row for row, index in enumerate(batch.indices.tolist()) if index in self.samples]
        rows = kept or ([0] if self.all_ask else [])
        if not rows:
            return target
        told = {name: of_all[rows] for name, of_all in extras.items()}
        untrained = self.untrained(noisy[rows], t[rows], [batch.captions[row] for row in rows], told)
        if not kept:
            return target
        return target.index_put((torch.tensor(kept, device=target.device),), untrained.float())

"""How hard words pull at pictures: how far apart predictions with a word and without it are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from train_core.data.batch import Batch
from train_core.facts.scores.intervals import Floats
from train_core.run.model_inputs import ModelInputs
from train_core.run.objective import LEVELS, FixedObjective
from train_core.scoring.measuring import Conditioned, PictureSet


@torch.no_grad()
def pulls_of(
    inputs: ModelInputs, conditioned: Conditioned, pictures: PictureSet, without: str, texts: Mapping[str, str],
    seed: int,
) -> dict[str, Floats]:  # fmt: skip
    """How hard the text of each word pulls at each picture (pictures,), away from the text `without` the words.

    That is the mean over noise levels, which count alike, of the logarithm of the mean squared difference.
    """
    objective = FixedObjective(inputs, seed)

    def predicted(batch: Batch, text: str) -> Tensor:
        return objective.predictions(replace(batch, captions=[text] * len(batch.indices)), conditioned)[0]

    found = {word: np.zeros(len(pictures.pictures)) for word in texts}
    for batch in pictures.batches:
        plain = predicted(batch, without)
        for word, text in texts.items():
            apart = (predicted(batch, text) - plain).square().mean(dim=(1, 2, 3)).view(-1, LEVELS)
            found[word][batch.indices.numpy(force=True)] = apart.log().mean(dim=1).numpy(force=True)
    return found

"""Losses of sets of pictures with whatever is attached to the model: latents are made once, noise never changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from train_core.data.batch import Batch
from train_core.data.dataset import training_data_of
from train_core.data.encoder import Encoder
from train_core.data.library import Library
from train_core.data.order import BatchPlan
from train_core.facts.images.image_files import content_hashes
from train_core.facts.scores.measures import EVERY_LEVEL
from train_core.facts.scores.scores import Losses, ScoredPicture
from train_core.models.family import Conditioning, Family
from train_core.run.model_inputs import ModelInputs
from train_core.run.objective import FixedObjective

DIGITS = 8  # of a loss, as it is written: more than fp32 has


@dataclass(frozen=True)
class PictureSet:
    """Pictures to measure with, in batches on the model's device. The `indices` of batches number them, rising.

    Each is measured at `levels`, some of its noise levels.
    """

    pictures: tuple[ScoredPicture, ...]
    batches: tuple[Batch, ...]
    levels: tuple[int, ...] = EVERY_LEVEL

    def reworded(self, change: Callable[[str], str]) -> PictureSet:
        """The pictures whose captions `change` alters, with the altered ones; noise and levels stay each picture's."""
        changed = [(picture.caption, change(picture.caption)) for picture in self.pictures]
        return self.captioned({place: now for place, (before, now) in enumerate(changed) if now != before})

    def captioned(self, captions: Mapping[int, str]) -> PictureSet:
        """The pictures at the places that `captions` names, of a set that is whole, with those captions."""
        batches = []
        for batch in self.batches:
            rows = [row for row, index in enumerate(batch.indices.tolist()) if index in captions]
            if rows:
                kept = batch.rows(rows)
                batches.append(replace(kept, captions=[captions[index] for index in kept.indices.tolist()]))
        pictures = [self.pictures[place].model_copy(update={"caption": captions[place]}) for place in sorted(captions)]
        return PictureSet(tuple(pictures), tuple(batches), self.levels)


def opened(
    library: Library, family: Family, device: torch.device, batch_size: int, seed: int,
    progress: Callable[[int, int], None], levels: tuple[int, ...] = EVERY_LEVEL,
) -> PictureSet:  # fmt: skip
    """The pictures of `library`, encoded unless that was done before, in batches for `batch_size` predictions."""
    dataset = library.entries[0].settings.dataset
    encoder = None
    if family.inpaints:  # every measurement hides a part of the picture itself
        dataset = dataset.model_copy(update={"cache_latents": False})
    else:
        encoder = Encoder(family.vae_fingerprint(), lambda pixels: family.encode_images(pixels.to(device)))
    plan = BatchPlan(seed, max(1, batch_size // len(levels)))
    data = training_data_of(library, dataset, plan, encoder, progress)
    batches = tuple(batch.mapped(lambda values: values.to(device)) for batch in data.epoch(0))
    captions = {int(index): text for one in batches for index, text in zip(one.indices, one.captions, strict=True)}
    contents = content_hashes([entry.path for entry in library.entries])
    return PictureSet(
        tuple(
            ScoredPicture(
                name=f"{entry.folder.name}/{entry.path.name}", content=contents[entry.path], caption=captions[index]
            )
            for index, entry in enumerate(library.entries)
        ),
        batches,
        levels,
    )


class Measurer:
    """Measures sets of pictures by `family` as it is at the moment, with noise that follows from `seed`."""

    def __init__(self, inputs: ModelInputs, seed: int) -> None:
        self._objective = FixedObjective(inputs, seed)

    @torch.no_grad()
    def losses(
        self, pictures: PictureSet, conditioned: Conditioned, progress: Callable[[int], None]
    ) -> Losses:  # fmt: skip
        """The loss of each picture at each level of the set; `progress` hears how many predictions were made."""
        found = torch.zeros(len(pictures.pictures), len(pictures.levels))
        places = {index: place for place, index in enumerate(sorted(_indices(pictures)))}
        for batch in pictures.batches:
            rows = [places[index] for index in batch.indices.tolist()]
            found[rows] = self._objective.errors(batch, conditioned, pictures.levels).float().cpu()
            progress(len(rows) * len(pictures.levels))
        return written(found)


class Conditioned:
    """Predictions of `family` for captions, each of which is encoded once: text encoders are not to change."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._known: dict[str, Conditioning] = {}

    def __call__(self, noisy: Tensor, t: Tensor, captions: Sequence[str], extras: Mapping[str, Tensor]) -> Tensor:
        """The prediction (B, C, h, w), see `Family.predict`."""
        new = [caption for caption in dict.fromkeys(captions) if caption not in self._known]
        if new:
            encoded = self._family.encode_text(new)
            for row, caption in enumerate(new):
                self._known[caption] = {name: one[row : row + 1] for name, one in encoded.items()}
        each = [self._known[caption] for caption in captions]
        conditioning = {name: torch.cat([one[name] for one in each]) for name in each[0]}
        return self._family.predict(noisy, t, conditioning, extras)


def written(values: Tensor) -> Losses:
    """`values` (B, L) as they are kept."""
    return tuple(tuple(float(f"{value:.{DIGITS}g}") for value in row) for row in values.tolist())


def _indices(pictures: PictureSet) -> list[int]:
    return [int(index) for batch in pictures.batches for index in batch.indices]

"""From images to batches: the training data of one process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from train_core.config.data import DataSettings
from train_core.config.problems import Problem, UserError
from train_core.data.batch import Batch
from train_core.data.cache import LatentCache, Progress
from train_core.data.encoder import Encoder
from train_core.data.encoding import decode
from train_core.data.library import Entry, Library, open_library
from train_core.data.moments import Moments
from train_core.data.order import BatchPlan, Portion, global_batches, portion
from train_core.data.pixels import to_range
from train_core.facts.captions import caption_rules, draw_caption
from train_core.facts.draws import seed_for


@dataclass(frozen=True)
class Draw:
    """Which image a worker is to load for a sample, and whether mirrored."""

    entry: int
    flipped: bool


class TrainingData:
    """Batches of `library` for one process, epoch after epoch.

    Every draw follows from (seed, epoch, sample index), so the batches of an epoch do not depend on `workers`, on the
    cache or on which epochs were read before. `cache` must be filled.
    """

    def __init__(
        self,
        library: Library,
        plan: BatchPlan,
        *,
        cache: LatentCache | None = None,
        workers: int = 0,
    ) -> None:
        self.library = library
        self.plan = plan
        self.order = _Order()
        # What lies in memory already is not worth a copy in every worker.
        workers = 0 if cache is not None and cache.in_memory else workers
        self.loader = DataLoader(
            _Images(library.entries, cache),
            batch_sampler=self.order,
            collate_fn=_as_they_are,
            num_workers=workers,
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # its own, so that loading draws nothing from torch's global one
        )

    @property
    def batches_per_epoch(self) -> int:
        """The same for every process."""
        return len(global_batches(self.library.buckets, self.plan, 0))

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[Batch]:
        """The batches of `epoch` (from 0) in order, leaving out the first `first_batch` of them.

        Raises UserError for an image that cannot be read any more.
        """
        batches = global_batches(self.library.buckets, self.plan, epoch)[first_batch:]
        portions = [portion(batch, self.plan) for batch in batches]
        self.order.draws = [[self._draw(index, epoch) for index in part.indices] for part in portions]
        for part, loaded in zip(portions, self.loader, strict=True):
            yield self._batch(part, epoch, loaded)

    def _draw(self, index: int, epoch: int) -> Draw:
        wanted = self.library.entries[self.library.samples[index]].settings.augmentation.flip_aug
        flipped = wanted and seed_for(self.plan.seed, epoch, index, "flip") % 2 == 1
        return Draw(self.library.samples[index], flipped)

    def _batch(self, part: Portion, epoch: int, loaded: Sequence[Tensor | Moments | tuple[Problem, ...]]) -> Batch:
        for item in loaded:
            if isinstance(item, tuple):
                raise UserError(*item)
        entries = [self.library.entries[self.library.samples[index]] for index in part.indices]
        flips = [self._draw(index, epoch).flipped for index in part.indices]
        return Batch(
            epoch=epoch,
            bucket=entries[0].fit.bucket,
            indices=torch.tensor(part.indices),
            weights=torch.tensor(part.weights),
            captions=[self._caption(index, epoch) for index in part.indices],
            original_sizes=torch.tensor([entry.size for entry in entries]),
            crops=torch.tensor([_crop(entry, flipped) for entry, flipped in zip(entries, flips, strict=True)]),
            **_stacked(loaded),
        )

    def _caption(self, index: int, epoch: int) -> str:
        rng = Random(seed_for(self.plan.seed, epoch, index, "caption"))
        entry = self.library.entries[self.library.samples[index]]
        return draw_caption(entry.caption, caption_rules(entry.settings.captions), rng, epoch)


def open_training_data(
    settings: DataSettings, plan: BatchPlan, encoder: Encoder | None, progress: Progress
) -> TrainingData:
    """The training data that `settings` describe, its latents cached if it says so; that needs an `encoder`.

    `progress(done, total)` follows the caching. Raises UserError with everything that is wrong with the images.
    """
    dataset, library = settings.dataset, open_library(settings)
    cache = None
    if dataset.cache_latents:
        if encoder is None:
            raise ValueError("Caching latents needs an encoder.")
        cache = LatentCache(library, encoder.fingerprint, dataset.cache_latents_to_disk)
        cache.fill(encoder, dataset.vae_batch_size, progress)
    return TrainingData(
        library,
        plan,
        cache=cache,
        workers=dataset.max_data_loader_n_workers,
    )


class _Order:
    """The loader's batch sampler: hands out the draws of whichever epoch was asked for last."""

    def __init__(self) -> None:
        self.draws: list[list[Draw]] = []

    def __iter__(self) -> Iterator[list[Draw]]:
        return iter(self.draws)

    def __len__(self) -> int:
        return len(self.draws)


class _Images(Dataset):
    """Loads the image or the latents of a draw; this is what travels to the workers."""

    def __init__(self, entries: tuple[Entry, ...], cache: LatentCache | None) -> None:
        self.entries = entries
        self.cache = cache

    def __getitem__(self, draw: Draw) -> Tensor | Moments | tuple[Problem, ...]:
        """uint8 pixels (3, H, W), or moments (C, h, w), or what went wrong: workers cannot raise our errors."""
        try:
            if self.cache is not None:
                return self.cache.moments(draw.entry, draw.flipped)
            return decode(self.entries[draw.entry], draw.flipped)
        except UserError as error:
            return error.problems


def _as_they_are(loaded: list) -> list:
    return loaded


def _crop(entry: Entry, flipped: bool) -> tuple[int, int]:
    """Left and top of the crop, in the mirrored image if `flipped`."""
    left, top = entry.fit.crop
    return (entry.fit.resized[0] - entry.fit.bucket[0] - left if flipped else left), top


def _stacked(loaded: Sequence) -> dict:
    if isinstance(loaded[0], Moments):
        mean = torch.stack([moments.mean for moments in loaded])
        return {"moments": Moments(mean, torch.stack([moments.logvar for moments in loaded]))}
    return {"pixels": to_range(torch.stack(list(loaded)))}

"""The training data of one process: images in, batches out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from train_core.config.checks.draws import draw_contradictions
from train_core.config.image_settings import DataSettings
from train_core.config.problems import Problem, UserError, raise_if_any
from train_core.config.sections.dataset import DatasetSettings
from train_core.data.augment import Draw, draw_image
from train_core.data.batch import Batch
from train_core.data.cache import LatentCache, Progress
from train_core.data.encoder import Encoder
from train_core.data.encoding import decode
from train_core.data.library import Entry, Library, open_library
from train_core.data.masks import Masks, open_masks, stacked
from train_core.data.moments import Moments
from train_core.data.order import BatchPlan, Portion, global_batches, portion
from train_core.data.pixels import load_pixels, to_range
from train_core.facts.images.caption_draws import Moment, caption_rules, draw_caption
from train_core.facts.seeds import seed_for

_THREADS = 8


@dataclass(frozen=True)
class Pace:
    """Relation of batches to optimizer steps: `batches_per_step` make one, and the run has `total_steps`."""

    batches_per_step: int = 1
    total_steps: int = 0


@dataclass(frozen=True)
class Loaded:
    """A draw's uint8 pixels (3, H, W) or its moments (C, h, w), and its mask (1, h, w) if it has one."""

    image: Tensor | Moments
    mask: Tensor | None = None


class TrainingData:
    """Batches of `library` for one process, epoch after epoch.

    Every draw follows from (seed, epoch, sample index), so the batches of an epoch do not depend on `workers`, on the
    cache or on which epochs were read before. `cache` must be filled. `pace` tells at which step a batch is trained,
    for captions that change as the run goes on; `wording` makes of a drawn caption what is trained, but for
    regularisation images. `rescued` are images that needed fp32 to be encoded, `remarks` warnings on the cache.
    """

    def __init__(
        self,
        library: Library,
        plan: BatchPlan,
        *,
        cache: LatentCache | None = None,
        masks: Masks | None = None,
        workers: int = 0,
    ) -> None:
        self.library = library
        self.plan = plan
        self.cache = cache
        self.pace = Pace()
        self.wording: Callable[[str, Random], str] | None = None
        self.rescued: set[Path] = set()
        self.cached = cache is not None
        self.remarks = cache.store.remarks() if cache is not None else []
        self.order = _Order()
        # What lies in memory already is not worth a copy in every worker.
        workers = 0 if cache is not None and cache.in_memory else workers
        self.loader = DataLoader(
            _Images(library.entries, cache, masks),
            batch_sampler=self.order,
            collate_fn=_as_they_are,
            num_workers=workers,
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # its own, so that loading draws nothing from torch's global one
        )

    @property
    def batches_per_epoch(self) -> int:
        """The same for every process."""
        return len(global_batches(self.library.groups, self.plan, 0))

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[Batch]:
        """The batches of `epoch` (from 0) in order, leaving out the first `first_batch` of them.

        Raises UserError for an image that cannot be read any more.
        """
        batches = global_batches(self.library.groups, self.plan, epoch)
        portions = [portion(batch, self.plan, self.library.regularisation) for batch in batches[first_batch:]]
        draws = [[self._draw(index, epoch) for index in part.indices] for part in portions]
        self.order.draws = draws
        first_step = epoch * -(-len(batches) // self.pace.batches_per_step)
        for number, (part, drawn, loaded) in enumerate(zip(portions, draws, self.loader, strict=True), first_batch):
            step = first_step + number // self.pace.batches_per_step
            yield self._batch(part, drawn, loaded, Moment(epoch, step, self.pace.total_steps))

    def unreadable(self) -> list[Problem]:
        """The problem of each image that can no longer be read; none if the run has cached all images."""
        if self.cached:
            return []
        with ThreadPoolExecutor(_THREADS) as threads:
            return [found for problems in threads.map(_look_at, self.library.entries) for found in problems]

    def note_rescued(self, batch: Batch, rows: Sequence[int]) -> set[Path]:
        """Take note that the images in `rows` of `batch` needed fp32 to be encoded; those that were not known yet."""
        images = {self.library.entries[self.library.samples[int(batch.indices[row])]].path for row in rows}
        new = images - self.rescued
        self.rescued |= new
        return new

    def broken_files(self, batch: Batch) -> set[Path]:
        """The files of cached latents to blame where latents of `batch` are not numbers."""
        if self.cache is None or batch.moments is None:
            return set()
        samples = batch.indices[batch.moments.broken()].tolist()
        return {path for sample in samples for path in self.cache.broken_files(self.library.samples[sample])}

    def _draw(self, index: int, epoch: int) -> Draw:
        entry = self.library.samples[index]
        return draw_image(
            entry, self.library.entries[entry], lambda purpose: seed_for(self.plan.seed, epoch, index, purpose)
        )

    def _batch(
        self, part: Portion, draws: Sequence[Draw], loaded: Sequence[Loaded | tuple[Problem, ...]], moment: Moment
    ) -> Batch:
        raise_if_any(found for item in loaded if isinstance(item, tuple) for found in item)
        whole = [item for item in loaded if isinstance(item, Loaded)]
        entries = [self.library.entries[draw.entry] for draw in draws]
        bucket = entries[0].fit.bucket
        return Batch(
            epoch=moment.epoch,
            bucket=bucket,
            indices=torch.tensor(part.indices),
            weights=torch.tensor(part.weights),
            captions=[self._caption(index, moment) for index in part.indices],
            original_sizes=torch.tensor([entry.size for entry in entries]),
            crops=torch.tensor([draw.crop for draw in draws]),
            masks=stacked([item.mask for item in whole], bucket),
            **_images_of(whole),
        )

    def _caption(self, index: int, moment: Moment) -> str:
        rng = Random(seed_for(self.plan.seed, moment.epoch, index, "caption"))
        entry = self.library.entries[self.library.samples[index]]
        drawn = draw_caption(entry.caption, caption_rules(entry.settings.captions), rng, moment)
        return drawn if self.wording is None or entry.is_reg else self.wording(drawn, rng)


def open_training_data(
    settings: DataSettings, plan: BatchPlan, encoder: Encoder | None, progress: Progress
) -> TrainingData:
    """The training data that `settings` describe, its latents cached if it says so; that needs an `encoder`.

    `progress(done, total)` follows the caching. Raises UserError with everything that is wrong with the images.
    """
    return training_data_of(open_library(settings), settings.dataset, plan, encoder, progress)


def training_data_of(
    library: Library, dataset: DatasetSettings, plan: BatchPlan, encoder: Encoder | None, progress: Progress
) -> TrainingData:
    """The same for the images of `library`."""
    own = {entry.settings: None for entry in library.entries}  # which a dataset file may set for some of them
    raise_if_any(found for s in own for found in draw_contradictions(s.dataset, s.captions, s.augmentation))
    masks = open_masks(library.entries, progress)
    cache, rescued = None, set()
    if dataset.cache_latents:
        if encoder is None:
            raise ValueError("Caching latents needs an encoder.")
        cache = LatentCache(library, encoder.fingerprint, dataset.cache_latents_to_disk)
        rescued = cache.fill(encoder, dataset.vae_batch_size, progress)
    data = TrainingData(
        library,
        plan,
        cache=cache,
        masks=masks,
        workers=dataset.max_data_loader_n_workers,
    )
    data.rescued = rescued
    return data


class _Order:
    """The loader's batch sampler: hands out the draws of whichever epoch was asked for last."""

    def __init__(self) -> None:
        self.draws: list[list[Draw]] = []

    def __iter__(self) -> Iterator[list[Draw]]:
        return iter(self.draws)

    def __len__(self) -> int:
        return len(self.draws)


class _Images(Dataset):
    """Loads the image or the latents of a draw, and its mask; this is what travels to the workers."""

    def __init__(self, entries: tuple[Entry, ...], cache: LatentCache | None, masks: Masks | None) -> None:
        self.entries = entries
        self.cache = cache
        self.masks = masks

    def __getitem__(self, draw: Draw) -> Loaded | tuple[Problem, ...]:
        """The draw's image and mask, or what went wrong: workers cannot raise our errors."""
        try:
            mask = self.masks.of(draw) if self.masks is not None else None
            if self.cache is not None:
                return Loaded(self.cache.moments(draw.entry, draw.flipped), mask)
            return Loaded(decode(self.entries[draw.entry], draw), mask)
        except UserError as error:
            return error.problems


def _look_at(entry: Entry) -> tuple[Problem, ...]:
    """The problem of an image, if there is one."""
    try:
        load_pixels(entry.path, entry.size, entry.fit)
    except UserError as error:
        return error.problems
    return ()


def _as_they_are(loaded: list) -> list:
    return loaded


def _images_of(loaded: Sequence[Loaded]) -> dict[str, Any]:
    """`moments` or `pixels` of a batch."""
    moments = [item.image for item in loaded if isinstance(item.image, Moments)]
    if moments:
        mean = torch.stack([one.mean for one in moments])
        return {"moments": Moments(mean, torch.stack([one.logvar for one in moments]))}
    return {"pixels": to_range(torch.stack([item.image for item in loaded if isinstance(item.image, Tensor)]))}

"""Loss masks of images: from the alpha channel, from a mask image, or from both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageChops
from torch import Tensor
from torch.nn.functional import avg_pool2d

from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.data.augment import Draw
from train_core.data.cache import Progress
from train_core.data.library import Entry
from train_core.data.pixels import BLACK, open_alpha, open_upright, refuse_other_size, scaled_and_cut, shrinks
from train_core.data.processes import gather, own_share
from train_core.facts.datasets.mask_files import Masked, mask_directory, survey_masks
from train_core.facts.images.buckets import BucketFit, Size
from train_core.facts.images.crops import crop_rules

PIXELS_PER_LATENT = 8
_THREADS = 8


class Masks:
    """The masks of `entries` at the latents' size.

    They are no part of the latent cache, so turning an option off leaves nothing behind. Those of images that are
    always cut out alike are read once, when this is made; `progress(done, total)` counts this process's share. Raises
    UserError for mask files that are missing or of another size, and for images of which a mask leaves nothing.
    """

    def __init__(self, entries: Sequence[Entry], progress: Progress) -> None:
        self.entries = entries
        self.files = mask_files(entries)
        self.kept: dict[int, Tensor] = {}
        self._read_all(progress)

    def of(self, draw: Draw) -> Tensor | None:
        """The weights (1, h, w), fp32 in [0, 1], of the latents of `draw`; None for an image without a mask."""
        entry = self.entries[draw.entry]
        mask = self.kept.get(draw.entry)
        if mask is None and self._has_one(entry) and crop_rules(entry.settings.augmentation).vary:
            mask = self._read(entry, draw.fit)
        if mask is None:
            return None
        weights = mask.to(torch.float32) / 255
        return weights.flip(-1) if draw.flipped else weights

    def _has_one(self, entry: Entry) -> bool:
        """Whether it may have a mask; its alpha channel is not known yet."""
        return entry.path in self.files or entry.settings.augmentation.alpha_mask

    def _read_all(self, progress: Progress) -> None:
        """Read this process's share of the masks, and take the others' from them."""
        masked = [index for index, entry in enumerate(self.entries) if self._has_one(entry)]
        share = own_share(masked)
        own: dict[int, Tensor] = {}
        problems: tuple[Problem, ...] = ()
        with ThreadPoolExecutor(_THREADS) as threads:
            for done, (index, answer) in enumerate(zip(share, threads.map(self._try, share), strict=True), start=1):
                if isinstance(answer, Tensor):
                    own[index] = answer
                else:
                    problems += answer or ()
                progress(done, len(share))
        everyones = gather((own, problems))
        raise_if_any(found for _, theirs in everyones for found in theirs)
        fixed = {i for i in masked if not crop_rules(self.entries[i].settings.augmentation).vary}
        self.kept = {i: mask for theirs, _ in everyones for i, mask in theirs.items() if i in fixed}

    def _try(self, index: int) -> Tensor | tuple[Problem, ...] | None:
        """The mask of an image if it has one, of all of it if its crops vary, or what is wrong with it."""
        entry = self.entries[index]
        whole = BucketFit(entry.fit.resized, entry.fit.resized, (0, 0))
        try:
            mask = self._read(entry, whole if crop_rules(entry.settings.augmentation).vary else entry.fit)
        except UserError as error:
            return error.problems
        return mask if mask is None or mask.any() else (_empty(entry.path),)

    def _read(self, entry: Entry, fit: BucketFit) -> Tensor | None:
        """The mask (1, h, w), uint8, of `entry` cut out by `fit`; None if it has neither file nor alpha channel."""
        layers = []
        if entry.path in self.files:
            layers.append(open_upright(self.files[entry.path], BLACK).convert("L"))
            refuse_other_size(self.files[entry.path], layers[0], entry.size)
        alpha = open_alpha(entry.path) if entry.settings.augmentation.alpha_mask else None
        if alpha is not None:
            refuse_other_size(entry.path, alpha, entry.size)
            layers.append(alpha)
        if not layers:
            return None
        mask = layers[0] if len(layers) == 1 else ImageChops.multiply(*layers)
        return at_latent_size(mask, fit)


def open_masks(entries: Sequence[Entry], progress: Progress) -> Masks | None:
    """The masks of `entries`; None when their settings ask for none. Raises UserError as `Masks` does."""
    settings = (entry.settings.augmentation for entry in entries)
    return Masks(entries, progress) if any(one.alpha_mask or mask_directory(one) for one in settings) else None


def latent_size(bucket: Size) -> tuple[int, int]:
    """Height and width of the latents of `bucket`."""
    return bucket[1] // PIXELS_PER_LATENT, bucket[0] // PIXELS_PER_LATENT


def at_latent_size(mask: Image.Image, fit: BucketFit) -> Tensor:
    """`mask`, mode L, cut out like its image; each latent (1, h, w), uint8, has the mean of its 8x8 pixels."""
    resampling = Image.Resampling.BOX if shrinks(mask.size, fit.resized) else Image.Resampling.BILINEAR
    pixels = torch.from_numpy(np.array(scaled_and_cut(mask, fit, resampling))).to(torch.float32)
    return avg_pool2d(pixels[None], PIXELS_PER_LATENT).round_().to(torch.uint8)


def stacked(masks: Sequence[Tensor | None], bucket: Size) -> Tensor | None:
    """Masks of a batch as (B, 1, h, w), ones for samples without; None when no sample has one."""
    if all(mask is None for mask in masks):
        return None
    whole = torch.ones(1, *latent_size(bucket))
    return torch.stack([whole if mask is None else mask for mask in masks])


def mask_files(entries: Sequence[Entry]) -> dict[Path, Path]:
    """The mask file of each image that has one. Raises UserError with all that is wrong with the files."""
    by_directory: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        directory = mask_directory(entry.settings.augmentation)
        if directory:
            by_directory[directory].append(entry)
    surveys = [
        survey_masks([Masked(entry.path, entry.size, needed=not entry.is_reg) for entry in members], directory)
        for directory, members in by_directory.items()
    ]
    raise_if_any(found for survey in surveys for found in survey.problems)
    return {image: mask for survey in surveys for image, mask in survey.files.items()}


def _empty(path: Path) -> Problem:
    return problem(
        "mask_empty",
        "The mask of {path} hides the whole image: it is black or transparent everywhere. Paint what should be learnt "
        "white, or remove the image.",
        path=str(path),
    )

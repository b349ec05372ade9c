"""Many images through the encoder: threads decode ahead while it works."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.phrases import first_of
from train_core.config.problems import Problem, UserError, problem
from train_core.data.augment import Draw, shift_colour
from train_core.data.encoder import Encoder
from train_core.data.library import Entry
from train_core.data.moments import Moments
from train_core.data.pixels import load_pixels, to_range

_THREADS = 8
_NAMED_AT_MOST = 8
_READ_AHEAD = 16  # images decoded before the encoder asks for them


@dataclass(frozen=True)
class Picture:
    """One image to encode, cut out as `draw` says, for the cache entry `key`."""

    key: str
    entry: Entry
    draw: Draw


def encode_all(pictures: Iterable[Picture], encoder: Encoder, batch_size: int) -> Iterator[tuple[str, Moments]]:
    """Key and moments (C, h, w), fp32 on the CPU, of each of `pictures`, encoded `batch_size` at a time.

    Raises UserError for an image that cannot be read or whose latents are not numbers.
    """
    for batch, pixels in _decoded(_batches(pictures, batch_size), max(1, _READ_AHEAD // batch_size)):
        encoded = encoder.encode(to_range(pixels))
        mean, logvar = (part.detach().to("cpu", torch.float32) for part in (encoded.mean, encoded.logvar))
        for position, picture in enumerate(batch):
            rescued = (0,) if position in encoded.rescued else ()
            moments = Moments(_alone(mean[position]), _alone(logvar[position]), rescued)
            _refuse_broken(moments, picture.entry.path)
            yield picture.key, moments


def decode(entry: Entry, draw: Draw) -> Tensor:
    """The pixels of `entry`, uint8 (3, H, W), as `draw` has them."""
    pixels = load_pixels(entry.path, entry.size, draw.fit, entry.settings.augmentation.resize_interpolation)
    if draw.colour is not None:
        pixels = shift_colour(pixels, draw.colour)
    return pixels.flip(-1) if draw.flipped else pixels


def _batches(pictures: Iterable[Picture], batch_size: int) -> Iterator[list[Picture]]:
    """Pictures of one bucket together, at most `batch_size` of them."""

    def bucket(picture: Picture) -> tuple[int, int]:
        return picture.entry.fit.bucket

    for _, group in groupby(sorted(pictures, key=bucket), bucket):
        members = list(group)
        for start in range(0, len(members), batch_size):
            yield members[start : start + batch_size]


def _decoded(batches: Iterable[Sequence[Picture]], ahead: int) -> Iterator[tuple[Sequence[Picture], Tensor]]:
    """Each batch with its pixels, uint8 (B, 3, H, W), while the next `ahead` batches are being decoded."""
    with ThreadPoolExecutor(_THREADS) as threads:
        waiting: deque = deque()
        try:
            for batch in batches:
                waiting.append((batch, [threads.submit(decode, picture.entry, picture.draw) for picture in batch]))
                if len(waiting) > ahead:
                    first, decoding = waiting.popleft()
                    yield first, torch.stack([future.result() for future in decoding])
            for last, decoding in waiting:
                yield last, torch.stack([future.result() for future in decoding])
        finally:
            threads.shutdown(cancel_futures=True)


def _alone(part: Tensor) -> Tensor:
    """A copy in plain order, which shares no memory with the rest of its batch; VAEs may answer channels-last."""
    return part.clone(memory_format=torch.contiguous_format)


def rescued_remark(paths: Collection[Path]) -> Problem:
    """Notice about pictures that the VAE's half precision could not hold."""
    return problem(
        "vae_overflow",
        "{count} images overflow the VAE's half precision and are encoded in fp32 instead: {images}. To avoid this, "
        "turn on no_half_vae or use a VAE fixed for fp16.",
        count=len(paths), images=first_of([str(path) for path in sorted(paths)], _NAMED_AT_MOST),
    )


def _refuse_broken(moments: Moments, path: Path) -> None:
    if torch.isfinite(moments.mean).all() and torch.isfinite(moments.logvar).all():
        return
    raise UserError(
        problem(
            "latents_not_finite",
            "The VAE turns {path} into invalid values (NaN or infinity), even in fp32. Choose another VAE, or get a "
            "fresh copy of the model; if only this image is affected, remove it.",
            path=str(path),
        )
    )

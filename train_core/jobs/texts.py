"""Text encoder outputs for a run whose captions do not vary and whose text encoders do not train."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from train_core.config.jobs.train import TrainConfig
from train_core.data.cache import Progress
from train_core.data.library import Library
from train_core.data.texts import TextCache, TextEncoder, captions_of
from train_core.models.family import Family


def cached_texts(
    config: TrainConfig, family: Family, libraries: Iterable[Library], progress: Progress
) -> TextCache | None:
    """The outputs of every caption of `libraries`, made where the text encoders are; None if not enabled."""
    dataset, weighted = config.dataset, config.captions.weighted_captions
    if not dataset.cache_text_encoder_outputs:
        return None
    # Kept in memory they are this run's alone, and need no hash of gigabytes of weights.
    fingerprint = f"{family.text_fingerprint()} {weighted}" if dataset.cache_text_encoder_outputs_to_disk else ""

    @torch.no_grad()
    def encode(caption: str) -> dict[str, torch.Tensor]:
        return family.encode_text([caption], weighted=weighted)

    cache = TextCache(captions_of(libraries), fingerprint, dataset.cache_text_encoder_outputs_to_disk)
    cache.fill(TextEncoder(fingerprint, encode), progress)
    return cache

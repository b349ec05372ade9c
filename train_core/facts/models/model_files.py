"""The files of a base model, found once from the settings and passed on from there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train_core.facts.models.headers import ModelFile, recognise, recognise_vae
from train_core.facts.models.hub import resolve


@dataclass(frozen=True)
class BaseFiles:
    """The model itself, and the file of another VAE where one was given."""

    model: ModelFile
    vae: ModelFile | None = None

    @property
    def vae_path(self) -> Path | None:
        """Path of the other VAE."""
        return self.vae.path if self.vae else None


def base_files(model: str, vae: str = "", to_train: bool = True) -> BaseFiles:
    """The files of the base model that the path or hub id `model` stands for, with the VAE at `vae`.

    Raises UserError if that is not a base model, or the VAE does not fit it.
    """
    found = recognise(resolve(model), to_train)
    return BaseFiles(found, recognise_vae(resolve(vae), found.family) if vae else None)

"""The interface of a training method: what is trained, as the job, the loop and the savers see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem
from train_core.models.family import Family
from train_core.models.sharding import Shares


class Method(ABC):
    """One way to train a model: an adapter, the whole model, new words.

    A new one implements what is abstract here, and overrides what else it needs. `trainable` is one module holding
    every parameter that trains; its state is what a resumed run starts from. `norms` are the lengths of what was
    learnt, (n,), where the method measures them. `newest_picture` is a sample that the run has drawn with it, if any.
    `remarks` are what is to be said of the file saved last. `shares` are what the processes hold of weights that train,
    where these are shared out over them.
    """

    modelspec_kind: ClassVar[str] = ""  # follows the model's architecture in modelspec, such as `lora`
    trainable: nn.Module
    norms: Tensor | None = None
    newest_picture: Path | None = None
    remarks: Sequence[Problem] = ()
    shares: Shares | None = None

    @classmethod
    @abstractmethod
    def of(cls, config: TrainConfig, family: Family, total_steps: int) -> Self:
        """The method at its start, in place on `family`. Raises `UserError` for settings that do not suit."""

    @property
    @abstractmethod
    def parts(self) -> set[str]:
        """The parts of the model whose output depends on what trains, such as `unet` and `text_encoder`."""

    @property
    def own_parts(self) -> set[str]:
        """Those of `parts` whose own weights train, and not only what was put on them."""
        return set()

    def take_shares(self) -> None:  # noqa: B027 - only methods with `own_parts` have any
        """Train this process's share of the weights of `own_parts`, now that they are shared out."""

    @abstractmethod
    def parameter_groups(self, rates: Mapping[str, float]) -> list[dict[str, Any]]:
        """The optimizer's groups: `params`, `lr`, and a `name` that begins with the part's. `rates` are by part."""

    @abstractmethod
    def disabled(self) -> AbstractContextManager[None]:
        """The model as it was before training, for as long as the context lasts."""

    def files(self, path: Path) -> list[Path]:
        """The files that `save` writes for `path`, itself first; some methods write several."""
        return [path]

    @abstractmethod
    def save(self, path: Path, dtype: torch.dtype, metadata: Mapping[str, str]) -> None:
        """Write what is learnt to `path` in `dtype`, whole or not at all. Raises `UserError` when it cannot."""

    def keep_in(self, dtype: torch.dtype) -> None:
        """Have the trained weights in `dtype` from now on."""
        self.trainable.to(dtype)

    def metadata(self, config: TrainConfig) -> dict[str, Any]:
        """The method's own entries in the metadata of its files, by sd-scripts' names; None where nothing is used.

        Names of the user's files are in it only where `metadata_depth` is full.
        """
        return {}

    def extra_tokens(self) -> Mapping[str, Tensor]:
        """Words beyond the vocabulary, see `Family.encode_text`; live, so that gradients flow. None while `disabled`.

        A method that has some counts the text encoders among its `parts`.
        """
        return {}

    @property
    def trains_every_step(self) -> bool:
        """Whether every parameter gets a gradient in every step, which distributed training need not check then."""
        return True

    def ends(self) -> dict[str, int]:
        """The steps from which groups, by their names, learn nothing any more."""
        return {}

    def begin_step(self, step: int) -> None:  # noqa: B027 - most methods need none of these
        """Get ready for optimizer step `step`, counted from 0."""

    def end_step(self) -> None:  # noqa: B027
        """Do what follows each optimizer step."""

    def reseed(self, step_seed: int, sample_seeds: Sequence[int]) -> None:  # noqa: B027
        """Seed the dropouts of the coming batch: one seed for the step, and one for each sample."""

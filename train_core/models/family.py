"""The interface that every kind of base model offers to the rooms above."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from train_core.config.problems import Problem
from train_core.data.moments import Moments
from train_core.facts.models.model_files import BaseFiles
from train_core.kinds import BlockLayout, Kind, Names, PredictionType
from train_core.models.files.stored import Stored

Conditioning = dict[str, Tensor]
BLOCKS = frozenset({
    "Transformer2DModel", "ResnetBlock2D", "Downsample2D", "Upsample2D", "CLIPAttention", "CLIPMLP",
})  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A layer or norm that an adapter may sit on.

    `file_key` is its name in adapter files, `part` the module of the family that it lies in, `block` its index for
    per-block settings. `path` is where it lies in its part, `others` the same by other programs' names; `owners` are
    the classes of the modules around it, outermost first, with its own last. `in_denoiser` tells layers of the
    network that predicts noise from those of text encoders.
    """

    module: Any  # nn.Linear | nn.Conv2d, and of norms nn.LayerNorm | nn.GroupNorm
    file_key: str
    part: str
    block: int
    path: str
    owners: tuple[str, ...]
    others: tuple[str, ...] = ()
    in_denoiser: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """All the names that the layer has within its part."""
        return (self.path, *self.others)

    @property
    def is_norm(self) -> bool:
        return isinstance(self.module, nn.LayerNorm | nn.GroupNorm)

    @property
    def is_wide_conv(self) -> bool:
        """Whether it is a convolution that looks beyond its own place."""
        return isinstance(self.module, nn.Conv2d) and self.module.kernel_size != (1, 1)

    @property
    def in_block(self) -> bool:
        """Whether it lies in attention, in a residual block, or where the picture's size changes."""
        return not BLOCKS.isdisjoint(self.owners)


class Family(Protocol):
    """A loaded base model. Latents are (B, C, h, w), pixels (B, 3, H, W) in [-1, 1], H = h * `vae_factor`.

    `denoiser` and `text_parts` are names in `modules`: of the network that predicts noise, and of the text encoders in
    the order of their conditioning; the autoencoder is always "vae". `remarks` are what the user should know of how
    the model was loaded, `files` where from.
    """

    kind: Kind
    modules: dict[str, nn.Module]
    denoiser: str
    remarks: tuple[Problem, ...]
    files: BaseFiles | None
    shared_out: frozenset[str]  # parts whose weights are: every process has to call them as often as the others
    autocast: dict[str, torch.dtype]  # what parts calculate in whose weights are in fp32, as they are where they learn
    process: str  # the noise process it was trained with, a name in `diffusion/processes.py`
    prediction_type: PredictionType
    alphas_cumprod: Tensor  # (1000,) fp32, on the CPU
    block_layout: BlockLayout  # of the denoiser's blocks, as per-block settings count them
    latent_channels: int
    vae_factor: int
    spare: Mapping[str, Mapping[str, Stored]]  # tensors of the file, by part, that no module has: written back

    @property
    def text_parts(self) -> tuple[str, ...]:
        """The names of the text encoders among `modules`."""

    @property
    def names(self) -> Names:
        """Names of this model in other software."""

    @property
    def uses_every_layer(self) -> bool:
        """Whether every target takes part in every step; those behind the text layer that is read do not."""

    @property
    def inpaints(self) -> bool:
        """Whether it is shown where to fill in, and the picture around it, besides the noised latents."""

    def targets(self) -> list[Target]:
        """Every layer that an adapter may sit on, in the order of the modules."""

    def all_targets(self) -> list[Target]:
        """`targets`, and what only other programs' adapters sit on: projections of pooled text."""

    def token_tables(self) -> list[Tensor]:
        """The vectors of the words that it knows, (words, width) of each text encoder, as they are held."""

    def token_ids(self, text: str) -> list[int]:
        """The numbers of the tokens of `text` in those tables, without begin and end."""

    def encode_text(
        self, captions: Sequence[str], extra_tokens: Mapping[str, Tensor] | None = None, weighted: bool = False
    ) -> Conditioning:
        """Conditioning of `captions`; gradients flow to adapters and to `extra_tokens`.

        Those are word -> (n, width) vectors, where the widths of several text encoders follow each other. `weighted`
        captions have A1111 weights, which count as in `encode_weighted`.
        """

    def encode_weighted(
        self, prompts: Sequence[str], extra_tokens: Mapping[str, Tensor] | None = None
    ) -> Conditioning:
        """Conditioning of `prompts` with A1111 weights, all padded to the longest one's length."""

    def encode_images(self, pixels: Tensor) -> Moments:
        """Unscaled moments of `pixels`, fp32. No gradients."""

    def to_latents(self, moments: Moments, noise: Tensor | None = None) -> Tensor:
        """Scaled latents (B, C, h, w), as the denoiser knows them: a draw with `noise` (B, C, h, w), or the mean."""

    def from_latents(self, latents: Tensor) -> Tensor:
        """The VAE's own, unscaled latents of scaled ones."""

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels of scaled `latents`, fp32. No gradients."""

    def predict(
        self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, extras: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """The model's prediction for scaled, noised latents at `timesteps` (B,), in the dtype of `noisy`.

        `extras` may hold "original_sizes" and "target_sizes", (B, 2) as width and height, and "crops", (B, 2) as left
        and top. Without them the latents are taken for whole pictures of their own size. For models that inpaint,
        "masks" (B, 1, h, w) are 1 where to fill, "masked_latents" (B, C, h, w) show the rest; without them all is
        filled.
        """

    def place(self, names: Collection[str], device: torch.device | str, dtype: torch.dtype | None = None) -> None:
        """Have only the modules `names` on `device`, in `dtype` if one is given, and all others on the CPU."""

    def enable_gradient_checkpointing(self, in_main_memory: bool = False) -> None:
        """Recompute activations in the backward pass, in every part that may train.

        What the denoiser's blocks start from is kept `in_main_memory` or on the device.
        """

    def text_fingerprint(self) -> str:
        """Changes whenever the text encoders' weights, their number formats, or how they are read do."""

    def vae_fingerprint(self) -> str:
        """Changes whenever the VAE's weights or its number format do."""

    def stored(self) -> dict[str, dict[str, Stored]]:
        """The weights of each part by the module's names, as they are in memory."""

    def save_model(self, path: Path, dtype: torch.dtype, metadata: Mapping[str, str] | None = None) -> None:
        """Write the whole model as one `.safetensors` file, with `metadata` beside what names its kind."""

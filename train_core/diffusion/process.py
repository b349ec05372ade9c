"""The interface of a noise process: adding noise, what the model predicts, and the way back to a picture."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from train_core.config.sections.loss import LossSettings

Spacing = Literal["even", "trailing"]


class Process(Protocol):
    """A noise process: how noise of level `t` is mixed into latents, and how that is undone.

    `t` runs from 0, no noise, to `span`, nothing but noise; in the process's own unit, which the model gets.
    Latents are (B, C, h, w), `t` (B,) in floats, both on one device; results are fp32 like the latents.

    Samplers walk in one form for all processes: x = x_0 + sigma eps (Karras et al., 2022). The process says which
    `sigma` belongs to a `t`, how the model's input follows from x, and x_0 from the model's prediction.
    """

    span: float

    def to(self, device: torch.device | str) -> Process:
        """The same process, computed on `device`."""

    def sample_t(self, u: Tensor) -> Tensor:
        """The `t` (B,) to train at for draws `u` (B,) in [0, 1), which grow with the noise; where `u` is."""

    def add_noise(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """The noised latents."""

    def target(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Target of the model's prediction."""

    def snr(self, t: Tensor) -> Tensor:
        """Signal-to-noise ratios (B,): the squared share of the latents over that of the noise."""

    def weight(self, t: Tensor, settings: LossSettings) -> Tensor:
        """Weights of losses at `t`, (B,): those weightings of `settings` that make sense for this process."""

    def times(self, steps: int, spacing: Spacing) -> list[float]:
        """The falling `t` at which a sampler asks the model in `steps` steps.

        "even" ends at the lowest level that is trained, "trailing" so that the step to no noise is as long as the
        others.
        """

    def sigma(self, t: float) -> float:
        """The noise per signal, sigma, at `t`; finite for every `t` of `times`."""

    def timestep(self, sigma: float) -> float:
        """The `t` whose noise level is `sigma`; the nearest one for levels that are not trained."""

    def model_input(self, x: Tensor, sigma: float) -> Tensor:
        """Input of the model for x = x_0 + sigma eps."""

    def to_x0(self, prediction: Tensor, x: Tensor, sigma: float) -> Tensor:
        """The x_0 that follows from the model's prediction for x = x_0 + sigma eps."""

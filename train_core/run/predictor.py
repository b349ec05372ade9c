"""The one module that the loop calls: captions and noisy latents in, the model's prediction out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from train_core.data.texts import TextCache
from train_core.methods.method import Method
from train_core.models.family import Conditioning, Family

CAPTIONS_REMEMBERED = 1024


class Predictor(nn.Module):
    """Wraps all that trains, so that distributed training's gradient hooks fire; the frozen base stays outside.

    `weighted` captions have A1111 weights. What `texts` holds is not encoded again.
    """

    def __init__(
        self, family: Family, method: Method, weighted: bool = False, texts: TextCache | None = None
    ) -> None:
        super().__init__()
        self._texts = texts
        self._weighted = weighted
        self.trainable = method.trainable
        self._method = method
        self._family = (family,)  # in a tuple, so that the frozen modules are no submodules of this one
        self._trains_text = bool(method.parts - {family.denoiser})
        self._remembered: dict[str, Conditioning] = {}

    def forward(
        self, noisy: Tensor, timesteps: Tensor, captions: list[str], extras: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """The prediction (B, C, h, w) for `noisy` (B, C, h, w) at `timesteps` (B,). See `Family.predict`."""
        return self._family[0].predict(noisy, timesteps, self._conditioning(captions, noisy.device), extras)

    @torch.no_grad()
    def untrained(
        self, noisy: Tensor, timesteps: Tensor, captions: list[str], extras: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Prediction of the model before it was trained; see `forward`."""
        with self._method.disabled():
            return self.forward(noisy, timesteps, captions, extras)

    def _conditioning(self, captions: list[str], device: torch.device) -> Conditioning:
        if self._trains_text:
            return self._family[0].encode_text(
                captions, extra_tokens=self._method.extra_tokens(), weighted=self._weighted
            )
        each = [self._frozen(caption) for caption in captions]
        return {name: torch.cat([one[name] for one in each]).to(device, non_blocking=True) for name in each[0]}

    @torch.no_grad()
    def _frozen(self, caption: str) -> Conditioning:
        """The conditioning of one caption from a text encoder that does not train, kept for the next time."""
        if self._texts is not None and caption in self._texts:
            return self._texts.of(caption)
        if caption not in self._remembered:
            if len(self._remembered) >= CAPTIONS_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[caption] = self._family[0].encode_text([caption], weighted=self._weighted)
        return self._remembered[caption]

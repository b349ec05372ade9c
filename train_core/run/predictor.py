"""The one module that the loop calls: captions and noisy latents in, the model's prediction out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train_core.methods.adapter import AdapterMethod
from train_core.models.family import Conditioning, Family

CAPTIONS_REMEMBERED = 1024


class Predictor(nn.Module):
    """Wraps all that trains, so that distributed training's gradient hooks fire; the frozen base stays outside."""

    def __init__(self, family: Family, method: AdapterMethod) -> None:
        super().__init__()
        self.trainable = method.trainable
        self._family = (family,)  # in a tuple, so that the frozen modules are no submodules of this one
        self._trains_text = "text_encoder" in method.parts
        self._remembered: dict[str, Conditioning] = {}

    def forward(self, noisy: Tensor, timesteps: Tensor, captions: list[str]) -> Tensor:
        """The prediction (B, C, h, w) for `noisy` (B, C, h, w) at `timesteps` (B,)."""
        return self._family[0].predict(noisy, timesteps, self._conditioning(captions))

    def _conditioning(self, captions: list[str]) -> Conditioning:
        if self._trains_text:
            return self._family[0].encode_text(captions)
        each = [self._frozen(caption) for caption in captions]
        return {name: torch.cat([one[name] for one in each]) for name in each[0]}

    @torch.no_grad()
    def _frozen(self, caption: str) -> Conditioning:
        """The conditioning of one caption from a text encoder that does not train, kept for the next time."""
        if caption not in self._remembered:
            if len(self._remembered) >= CAPTIONS_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[caption] = self._family[0].encode_text([caption])
        return self._remembered[caption]

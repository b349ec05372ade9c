"""BLIP: a sentence about a picture, which may begin with words of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from torch import Tensor

from train_core.captioning.captioner import Captioner


class Blip(Captioner):
    """BLIP (Li et al., 2022). The prompt is the beginning of the sentence, and stays in it."""

    def inputs(self, pictures: Sequence[Image.Image], prompt: str) -> Any:
        """Pictures, and the beginning if there is one."""
        text = {"text": [prompt] * len(pictures)} if prompt else {}
        return self.processor(images=list(pictures), **text, return_tensors="pt")

    def texts(self, tokens: Tensor, inputs: Mapping[str, Any]) -> list[str]:
        """The sentences with their beginning."""
        return super().texts(tokens, {})

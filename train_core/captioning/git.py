"""GIT: a sentence about a picture, which may begin with words of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from train_core.captioning.captioner import Captioner


class Git(Captioner):
    """GIT (Wang et al., 2022). The prompt is the beginning of the sentence, and stays in it."""

    most = 50

    def inputs(self, pictures: Sequence[Image.Image], prompt: str) -> Any:
        """Pictures, and the sentence's beginning without its usual end."""
        inputs = self.processor.image_processor(images=list(pictures), return_tensors="pt")
        if prompt:
            tokenizer = self.processor.tokenizer
            begun = [tokenizer.cls_token_id, *tokenizer(prompt, add_special_tokens=False).input_ids]
            inputs["input_ids"] = torch.tensor([begun] * len(pictures))
        return inputs

    def texts(self, tokens: Tensor, inputs: Mapping[str, Any]) -> list[str]:
        """The sentences with their beginning."""
        return super().texts(tokens, {})
